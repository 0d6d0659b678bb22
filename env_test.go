package mesh_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
)

// envCases set one variable each to a good value.
var envCases = []struct {
	variable, value string
	want            mesh.Config
}{
	{"MESH_LISTEN", "127.0.0.1:4001", mesh.Config{Listen: "127.0.0.1:4001"}},
	{"MESH_LISTEN", "handler", mesh.Config{Listen: "handler"}}, // the program may set Advertise
	{"MESH_ADVERTISE", "ws://a:1", mesh.Config{Advertise: "ws://a:1"}},
	{"MESH_TRANSPORT", "mem", mesh.Config{Transport: "mem"}},
	{"MESH_TRANSPORT", "quic", mesh.Config{Transport: "quic"}}, // the program may set a token
	{"MESH_ADVERTISE", "quic://a:1", mesh.Config{Advertise: "quic://a:1"}},
	{"MESH_PEERS", "wss://a:1,quic://b:1", mesh.Config{Peers: []string{"wss://a:1", "quic://b:1"}}},
	{"MESH_TLS_CERT", "a.pem", mesh.Config{TLS: mesh.TLS{CertFile: "a.pem"}}},
	{"MESH_TLS_CA", "a.pem", mesh.Config{TLS: mesh.TLS{CAFile: "a.pem"}}},
	{"MESH_TLS_EMITTER_URI", "spiffe://example.org/e", mesh.Config{TLS: mesh.TLS{EmitterURI: "spiffe://example.org/e"}}},
	{"MESH_TLS_OBSERVER_URI", "spiffe://example.org/o", mesh.Config{TLS: mesh.TLS{ObserverURI: "spiffe://example.org/o"}}},
	{"MESH_TLS_PEER_URI", "spiffe://example.org/*", mesh.Config{TLS: mesh.TLS{PeerURI: "spiffe://example.org/*"}}},
	{"MESH_TLS_SERVER_NAME", "mesh", mesh.Config{TLS: mesh.TLS{ServerName: "mesh"}}},
	{"MESH_MAX_PEERS_PER_SOURCE", "12", mesh.Config{MaxPeersPerSource: 12}},
	{"MESH_ROLE", "emitter", mesh.Config{Role: "emitter"}},
	{"MESH_CODEC", "msgpack", mesh.Config{Codec: "msgpack"}},
	{"MESH_DISCOVERY", "static", mesh.Config{Discovery: "static"}},
	{"MESH_DISCOVERY_ADDRESS", "ws://d:1", mesh.Config{DiscoveryAddress: "ws://d:1"}},
	{"MESH_PEERS", " ws://a:1, ws://b:2 ,", mesh.Config{Peers: []string{"ws://a:1", "ws://b:2"}}},
	{"MESH_ROUTING", "interest", mesh.Config{Routing: "interest"}},
	{"MESH_AUTH_TOKEN", "secret", mesh.Config{AuthToken: "secret"}},
	{"MESH_HEARTBEAT_INTERVAL", "250ms", mesh.Config{HeartbeatInterval: 250 * time.Millisecond}},
	{"MESH_HEARTBEAT_TIMEOUT", "20s", mesh.Config{HeartbeatTimeout: 20 * time.Second}},
	{"MESH_HANDSHAKE_TIMEOUT", "1s", mesh.Config{HandshakeTimeout: time.Second}},
	{"MESH_REQUEST_TIMEOUT", "1m", mesh.Config{RequestTimeout: time.Minute}},
	{"MESH_REDIAL_MIN", "1s", mesh.Config{RedialMin: time.Second}},
	{"MESH_REDIAL_MAX", "2s", mesh.Config{RedialMax: 2 * time.Second}},
	{"MESH_DIAL_NETWORKS", "10.0.0.0/8, ::1", mesh.Config{DialNetworks: []string{"10.0.0.0/8", "::1"}}},
	{"MESH_DIAL_PATHS", "/mesh,/nodes/*", mesh.Config{DialPaths: []string{"/mesh", "/nodes/*"}}},
	{"MESH_MAX_DIALS", "7", mesh.Config{MaxDials: 7}},
	{"MESH_DIAL_RATE", "70", mesh.Config{DialRate: 70}},
	{"MESH_QUEUE_BYTES", "16MiB", mesh.Config{QueueBytes: 16 << 20}},
	{"MESH_AUTH_TOKEN_FILE", "token", mesh.Config{AuthTokenFile: "token"}},
	{"MESH_QUEUE_MESSAGES", "1,001", mesh.Config{QueueMessages: 1001}},
	{"MESH_MAX_QUEUE_BYTES", "1073741824", mesh.Config{MaxQueueBytes: 1 << 30}},
	{"MESH_QUEUE_MIN_RATE", "1005", mesh.Config{QueueMinRate: 1005}},
	{"MESH_QUEUE_SLOW_TIME", "3s", mesh.Config{QueueSlowTime: 3 * time.Second}},
	{"MESH_ALLOW_REFERENCE_PEERS", "false", mesh.Config{AllowReferencePeers: new(false)}},
	{"MESH_ALLOW_TLS_PROXIES", "true", mesh.Config{AllowTLSProxies: true}},
	{"MESH_RESUME_WINDOW", "4s", mesh.Config{ResumeWindow: 4 * time.Second}},
	{"MESH_REPLAY_BYTES", "2MiB", mesh.Config{ReplayBytes: 2 << 20}},
	{"MESH_INBOX_BYTES", "1002", mesh.Config{InboxBytes: 1002}},
	{"MESH_MAX_FRAME", "1003", mesh.Config{MaxFrame: 1003}},
	{"MESH_MAX_HANDSHAKES", "1004", mesh.Config{MaxHandshakes: 1004}},
	{"MESH_DRAIN_RATE", "1006", mesh.Config{DrainRate: 1006}},
	{"MESH_DRAIN_TIME", "20s", mesh.Config{DrainTime: 20 * time.Second}},
	{"MESH_DRAIN_TIME", "0", mesh.Config{DrainTime: -1}},
	{"MESH_OPS_LISTEN", ":4100", mesh.Config{OpsListen: ":4100"}},
	{"MESH_OPS_TOKEN", "secret", mesh.Config{OpsToken: "secret"}},
	{"MESH_OPS_WRITABLE", "true", mesh.Config{OpsWritable: true}},
	{"MESH_OPS_PPROF", "1", mesh.Config{OpsPprof: true}},
	{"MESH_OPS_READY_LINKS", "80", mesh.Config{OpsReadyLinks: 80}},

	{"MESH_WS_PORT", "4005", mesh.Config{Listen: ":4005"}},
	{"MESH_WS_IP", "app1", mesh.Config{Advertise: "//app1:0"}},
	{"MESH_WS_IP", "::1", mesh.Config{Advertise: "//[::1]:0"}},
	{"MESH_SERVER_WS_ADDRESS", "ws://b:2", mesh.Config{Advertise: "ws://b:2"}},
	{"MESH_DISCOVERY_SERVICE_ADDRESS", "ws://e:2", mesh.Config{DiscoveryAddress: "ws://e:2"}},
}

// clearEnv hides the variables of whoever runs the tests.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "MESH_") {
			t.Setenv(name, "")
		}
	}
}

func TestEnv(t *testing.T) {
	for _, c := range envCases {
		t.Run(c.variable, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(c.variable, c.value)
			got, err := mesh.ConfigFromEnv()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s=%s gives\n%+v, want\n%+v", c.variable, c.value, got, c.want)
			}
		})
	}
}

// besideAuthToken are the fields that need AuthToken too: TestTwoTokens, TestRoleTokensFromEnv
// and TestRoleTokenFilesFromEnv have them.
var besideAuthToken = []string{"AcceptToken", "EmitterTokens", "ObserverTokens", "EmitterTokensFile", "ObserverTokensFile"}

// TestEnvCoversConfig fails when Config has a field without a variable.
func TestEnvCoversConfig(t *testing.T) {
	for field := range reflect.TypeFor[mesh.Config]().Fields() {
		covered := false
		if slices.Contains(besideAuthToken, field.Name) || !field.IsExported() {
			continue
		}
		for _, c := range envCases {
			covered = covered || !reflect.ValueOf(c.want).FieldByIndex(field.Index).IsZero()
		}
		if !covered {
			t.Errorf("no variable of %s is tested", field.Name)
		}
	}
}

// TestMisspeltVariables are warned of where the mesh logs, and by the mesh alone that has
// its configuration from the environment.
func TestMisspeltVariables(t *testing.T) {
	clearEnv(t)
	t.Setenv("MESH_ADVERTISED", "ws://a:1")
	c, err := mesh.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []mesh.Config{c, {}} {
		var log coretest.Log
		if _, err := mesh.New(config, mesh.WithLogger(log.Logger())); err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(log.String(), "variable=MESH_ADVERTISED did_you_mean=MESH_ADVERTISE")
		if want := !reflect.DeepEqual(config, mesh.Config{}); warned != want {
			t.Errorf("warned: %t, want %t\n%s", warned, want, log.String())
		}
	}
}

func TestEnvEmpty(t *testing.T) {
	clearEnv(t)
	got, err := mesh.ConfigFromEnv()
	if err != nil || !reflect.DeepEqual(got, mesh.Config{}) {
		t.Errorf("got %+v, %v; want the zero Config", got, err)
	}
}

func TestEnvPrecedence(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want mesh.Config
	}{
		{
			"ours win over the reference's",
			map[string]string{
				"MESH_WS_PORT": "1", "MESH_LISTEN": ":2",
				"MESH_SERVER_WS_ADDRESS": "ws://a:1", "MESH_ADVERTISE": "ws://b:2",
				"MESH_DISCOVERY_SERVICE_ADDRESS": "ws://c:1", "MESH_DISCOVERY_ADDRESS": "ws://d:2",
			},
			mesh.Config{Listen: ":2", Advertise: "ws://b:2", DiscoveryAddress: "ws://d:2"},
		},
		{
			"the host leaves the port to the listener",
			map[string]string{"MESH_WS_PORT": "4001", "MESH_WS_IP": "app1"},
			mesh.Config{Listen: ":4001", Advertise: "//app1:0"},
		},
		{
			"whichever variable that comes from",
			map[string]string{"MESH_WS_PORT": "4001", "MESH_LISTEN": "0.0.0.0:4002", "MESH_WS_IP": "app1"},
			mesh.Config{Listen: "0.0.0.0:4002", Advertise: "//app1:0"},
		},
		{
			"a key goes with its certificate",
			map[string]string{"MESH_TLS_CERT": "cert.pem", "MESH_TLS_KEY": "key.pem"},
			mesh.Config{TLS: mesh.TLS{CertFile: "cert.pem", KeyFile: "key.pem"}},
		},
		{
			"a whole address wins over the host",
			map[string]string{"MESH_WS_IP": "app1", "MESH_SERVER_WS_ADDRESS": "ws://b:2"},
			mesh.Config{Advertise: "ws://b:2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			clearEnv(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			got, err := mesh.ConfigFromEnv()
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestEnvBad(t *testing.T) {
	for _, c := range []struct {
		variable, value, allowed string
	}{
		{"MESH_LISTEN", "4000", "host:port"},
		{"MESH_WS_PORT", "http", "a port"},
		{"MESH_WS_PORT", "70000", "a port"},
		{"MESH_TLS_KEY", "key.pem", "a CertFile"},
		{"MESH_WS_IP", "not a host", "a host without"},
		{"MESH_ADVERTISE", "a:4000", "ws://host:port"},
		{"MESH_SERVER_WS_ADDRESS", "http://a:4000", "ws://host:port"},
		{"MESH_DISCOVERY_ADDRESS", "localhost", "ws://host:port"},
		{"MESH_DISCOVERY_SERVICE_ADDRESS", "localhost", "ws://host:port"},
		{"MESH_PEERS", "ws://a:4000,b", "ws://host:port"},
		{"MESH_HEARTBEAT_INTERVAL", "5", "a duration"},
		{"MESH_HEARTBEAT_INTERVAL", "-5s", "a duration"},
		{"MESH_HEARTBEAT_TIMEOUT", "1s", "more than HeartbeatInterval"},
		{"MESH_HANDSHAKE_TIMEOUT", "soon", "a duration"},
		{"MESH_REQUEST_TIMEOUT", "soon", "a duration"},
		{"MESH_REDIAL_MIN", "soon", "a duration"},
		{"MESH_REDIAL_MAX", "soon", "a duration"},
		{"MESH_QUEUE_BYTES", "16 apples", "a size such as 16MiB"},
		{"MESH_PEERS", ",,", "separated by commas"},
		{"MESH_ACCEPT_TOKEN", "x", "an AuthToken beside it"},
		{"MESH_EMITTER_TOKENS", "x", "an AuthToken beside them"},
		{"MESH_OBSERVER_TOKENS_FILE", "x", "an AuthToken beside them"},
		{"MESH_OBSERVER_TOKENS", ",", "separated by commas"},
		{"MESH_ROLE", "emperor", `"server", "emitter" or "observer"`},
		{"MESH_QUEUE_BYTES", "-1", "a number"},
		{"MESH_QUEUE_MESSAGES", "many", "a whole number"},
		{"MESH_INBOX_BYTES", "1.5", "a size"},
		{"MESH_ALLOW_REFERENCE_PEERS", "perhaps", "true or false"},
		{"MESH_MAX_FRAME", "x", "a size"},
		{"MESH_MAX_HANDSHAKES", "x", "a whole number"},
	} {
		t.Run(c.variable, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(c.variable, c.value)
			_, err := mesh.ConfigFromEnv()
			wantConfigError(t, err, c.variable, c.allowed)
		})
	}
}

// TestEnvBadTogether: variables have to fit those they are read with.
func TestEnvBadTogether(t *testing.T) {
	for _, c := range []struct {
		env               map[string]string
		variable, allowed string
	}{
		{map[string]string{"MESH_TRANSPORT": "quic", "MESH_ADVERTISE": "ws://a:1"}, "MESH_ADVERTISE", `"quic://host:port"`},
		{map[string]string{"MESH_TRANSPORT": "wss", "MESH_PEERS": "wss://a:1,ws://b:1"}, "MESH_PEERS", `"wss://host:port"`},
		{map[string]string{"MESH_TRANSPORT": "quic", "MESH_WS_IP": "no host"}, "MESH_WS_IP", "a host without"},
	} {
		clearEnv(t)
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		_, err := mesh.ConfigFromEnv()
		wantConfigError(t, err, c.variable, c.allowed)
	}
}

// TestEnvBadAsWritten: an error shows what is in the variables as it is written
// there.
func TestEnvBadAsWritten(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"MESH_HEARTBEAT_INTERVAL": "5"}, `MESH_HEARTBEAT_INTERVAL: "5" is not allowed: want a duration such as 5s, 250ms, 1m30s or 2d`},
		{map[string]string{"MESH_HEARTBEAT_INTERVAL": "-5000ms"}, "MESH_HEARTBEAT_INTERVAL: -5000ms is not allowed: want a duration of at least 1ms"},
		{map[string]string{"MESH_REQUEST_TIMEOUT": "100us"}, "MESH_REQUEST_TIMEOUT: 100us is not allowed: want a duration of at least 1ms"},
		{map[string]string{"MESH_HEARTBEAT_TIMEOUT": "1000ms"}, "MESH_HEARTBEAT_TIMEOUT: 1000ms is not allowed: want more than HeartbeatInterval, 5s"},
		{map[string]string{"MESH_HEARTBEAT_TIMEOUT": "4000ms", "MESH_HEARTBEAT_INTERVAL": "0m5.0s"}, "MESH_HEARTBEAT_TIMEOUT: 4000ms is not allowed: want more than MESH_HEARTBEAT_INTERVAL, 0m5.0s"},
		{map[string]string{"MESH_REDIAL_MAX": "1m", "MESH_REDIAL_MIN": "90s"}, "MESH_REDIAL_MAX: 1m is not allowed: want at least MESH_REDIAL_MIN, 90s"},
		{map[string]string{"MESH_QUEUE_BYTES": "-007"}, "MESH_QUEUE_BYTES: -007 is not allowed: want a number above 0"},
		{map[string]string{"MESH_WS_IP": "a b"}, `MESH_WS_IP: "a b" is not allowed: want a host without a scheme and a port, such as "10.0.0.7" or "app1.example"`},
		{map[string]string{"MESH_WS_IP": "10.0.0.7:4000"}, `MESH_WS_IP: "10.0.0.7:4000" is not allowed: want a host without a scheme and a port, such as "10.0.0.7" or "app1.example"`},
		{map[string]string{"MESH_QUEUE_BYTES": "512 MiB", "MESH_MAX_QUEUE_BYTES": "256MiB"}, "MESH_MAX_QUEUE_BYTES: 256MiB is not allowed: want at least MESH_QUEUE_BYTES, 512 MiB"},
		{map[string]string{"MESH_PEERS": "ws://a:1, b"}, `MESH_PEERS: "b" is not allowed: want "ws://host:port" or "wss://host:port" or "quic://host:port", with Transport "ws"`},
	} {
		clearEnv(t)
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		if _, err := mesh.ConfigFromEnv(); err == nil || err.Error() != c.want {
			t.Errorf("%v\ngives %v\nwant  %s", c.env, err, c.want)
		}
	}
}

// TestBadAsWritten: one of the program's shows values as Go writes them.
func TestBadAsWritten(t *testing.T) {
	for _, c := range []struct {
		config mesh.Config
		want   string
	}{
		{mesh.Config{HeartbeatInterval: -5 * time.Second}, "HeartbeatInterval: -5s is not allowed: want a duration of at least 1ms"},
		{mesh.Config{HeartbeatInterval: 4 * time.Second, HeartbeatTimeout: 1500 * time.Millisecond}, "HeartbeatTimeout: 1.5s is not allowed: want more than HeartbeatInterval, 4s"},
		{mesh.Config{RedialMin: time.Minute, RedialMax: time.Second}, "RedialMax: 1s is not allowed: want at least RedialMin, 1m"},
		{mesh.Config{QueueBytes: 1 << 29, MaxQueueBytes: 1 << 28}, "MaxQueueBytes: 256MiB is not allowed: want at least QueueBytes, 512MiB"},
		{mesh.Config{QueueBytes: -1}, "QueueBytes: -1 is not allowed: want a number above 0"},
		{mesh.Config{Routing: "star"}, `Routing: "star" is not allowed: want "all" or "interest"`},
	} {
		if err := c.config.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
