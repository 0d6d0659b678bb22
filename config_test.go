package mesh_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// optionCase is a good or bad value of a field of Config.
type optionCase struct {
	field  string
	config mesh.Config
	bad    string // what the error says is allowed; "" if the value is good
}

// optionCases are such of every field.
func optionCases(t *testing.T) []optionCase {
	own := issued(t, authority(), "localhost")
	cert, _ := os.ReadFile(own.CertFile)
	key, _ := os.ReadFile(own.KeyFile)
	both := write(t, filepath.Join(t.TempDir(), "both.pem"), append(cert, key...))
	return []optionCase{
		{"Listen", mesh.Config{Listen: ":4000"}, ""},
		{"Listen", mesh.Config{Listen: "127.0.0.1:0"}, ""},
		{"Listen", mesh.Config{Listen: "[::1]:4000"}, ""},
		{"Listen", mesh.Config{Listen: "4000"}, `"host:port"`},
		{"Listen", mesh.Config{Listen: ":http"}, `"host:port"`},
		{"Listen", mesh.Config{Listen: ":65536"}, `"host:port"`},
		{"Listen", mesh.Config{Listen: ":-1"}, `"host:port"`},
		{"Listen", mesh.Config{Listen: "::1:4000"}, `"host:port"`},

		{"Advertise", mesh.Config{Advertise: "ws://10.0.0.7:4000"}, ""},
		{"Advertise", mesh.Config{Advertise: "wss://mesh.example.org:443/path"}, ""},
		{"Advertise", mesh.Config{Advertise: "ws://[::1]:4000"}, ""},
		{"Advertise", mesh.Config{Advertise: "http://10.0.0.7:4000"}, `"ws://host:port"`},
		{"Advertise", mesh.Config{Advertise: "10.0.0.7:4000"}, `"ws://host:port"`},
		{"Advertise", mesh.Config{Advertise: "ws://10.0.0.7"}, `"ws://host:port"`},
		{"Advertise", mesh.Config{Advertise: "ws://:4000"}, `"ws://host:port"`},
		{"Advertise", mesh.Config{Advertise: "ws://user:secret@host:4000"}, `"ws://host:port"`},

		{"Listen", mesh.Config{Listen: "handler", Advertise: "wss://app:443/mesh"}, ""},
		{"Listen", mesh.Config{Listen: "handler", Advertise: "ws://app:80/mesh", TLS: own}, ""},
		{"Listen", mesh.Config{Listen: "handler", Advertise: "//app:80/mesh", Transport: "wss"}, ""},
		{"Listen", mesh.Config{Listen: "handler", Advertise: "quic://app:80", Transport: "quic", AuthToken: "x"}, `"host:port"`},
		{"Advertise", mesh.Config{Listen: "handler"}, "where the handler is mounted"},
		{"Advertise", mesh.Config{Listen: "handler", Advertise: "//app:0"}, "where the handler is mounted"},
		{"Advertise", mesh.Config{Listen: "handler", Advertise: "ws://app:80", Transport: "wss"}, `"wss://host:port"`},
		{"Advertise", mesh.Config{Advertise: "//10.0.0.7:0"}, ""},
		{"Advertise", mesh.Config{Transport: "quic", AuthToken: "x", Advertise: "//10.0.0.7:0"}, ""},
		{"Advertise", mesh.Config{Advertise: "quic://a:4000"}, `"ws://host:port" or "wss://host:port", with Transport "ws"`},
		{"Advertise", mesh.Config{TLS: own, Advertise: "wss://a:4000"}, ""},
		{"Advertise", mesh.Config{TLS: own, Advertise: "ws://a:4000"}, `"wss://host:port", with Transport "ws" and a certificate in TLS`},
		{"Advertise", mesh.Config{TLS: own, Transport: "wss", Advertise: "wss://a:4000"}, ""},
		{"Advertise", mesh.Config{TLS: own, Transport: "wss", Advertise: "ws://a:4000"}, `"wss://host:port"`},
		{"Advertise", mesh.Config{Transport: "quic", AuthToken: "x", Advertise: "quic://a:4000"}, ""},
		{"Advertise", mesh.Config{Transport: "quic", AuthToken: "x", Advertise: "wss://a:4000"}, `"quic://host:port", with Transport "quic"`},

		{"Transport", mesh.Config{Transport: "ws"}, ""},
		{"Transport", mesh.Config{Transport: "wss", TLS: own}, ""},
		{"Transport", mesh.Config{Transport: "quic", AuthToken: "x"}, ""},
		{"Transport", mesh.Config{Transport: "quic", TLS: own}, ""},
		{"Transport", mesh.Config{Transport: "carrier-pigeon"}, `one of "quic", "ws", "wss"`},
		{"AuthToken", mesh.Config{Transport: "quic"}, "a secret that all nodes share, or certificates in TLS"},
		{"TLS.CertFile", mesh.Config{Transport: "wss"}, `a certificate, with Transport "wss"`},
		{"TLS.CertFile", mesh.Config{Transport: "quic", AuthToken: "x", TLS: mesh.TLS{ServerName: "x"}}, "a certificate"},
		{"TLS.CAFile", mesh.Config{Transport: "quic", TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile}}, "the authority of the mesh"},
		{"TLS", mesh.Config{Transport: "quic", TLS: mesh.TLS{Config: &tls.Config{}}}, "Certificates"},

		{"TLS", mesh.Config{TLS: own}, ""},
		{"TLS", mesh.Config{TLS: mesh.TLS{CertFile: both}}, ""},
		{"TLS", mesh.Config{TLS: mesh.TLS{CAFile: own.CAFile, ServerName: "mesh.test"}}, ""},
		{"TLS", mesh.Config{TLS: mesh.TLS{Config: &tls.Config{}}}, ""},
		{"TLS.Config", mesh.Config{TLS: mesh.TLS{Config: &tls.Config{}, ServerName: "x"}}, "either"},
		{"TLS.KeyFile", mesh.Config{TLS: mesh.TLS{KeyFile: own.KeyFile}}, "a CertFile"},
		{"TLS", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://example.org/*"}}, ""},
		{"TLS.PeerURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "mesh.test"}}, "a URI"},
		{"TLS.PeerURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://a/[", ServerName: "x"}}, "a URI"},
		{"TLS.PeerURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://a/b", ServerName: "x"}}, "either"},
		{"TLS.PeerURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, PeerURI: "spiffe://a/b"}}, "a CertFile and a CAFile"},
		{"TLS", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://a/b", EmitterURI: "spiffe://a/e/*", ObserverURI: "spiffe://a/o"}}, ""},
		{"TLS.EmitterURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, EmitterURI: "spiffe://a/e"}}, "a PeerURI beside it"},
		{"TLS.ObserverURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://a/b", ObserverURI: "observers"}}, "a URI"},
		{"TLS.EmitterURI", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, CAFile: own.CAFile, PeerURI: "spiffe://a/b", EmitterURI: "spiffe://a/b"}}, "another one than PeerURI"},
		{"TLS.Config", mesh.Config{TLS: mesh.TLS{Config: &tls.Config{}, EmitterURI: "spiffe://a/e"}}, "either"},
		{"TLS.CertFile", mesh.Config{TLS: mesh.TLS{CertFile: "missing.pem"}}, "a PEM file with a certificate: open missing.pem"},
		{"TLS.CertFile", mesh.Config{TLS: mesh.TLS{CertFile: own.KeyFile}}, "a PEM file with a certificate: there is no certificate in it"},
		{"TLS.KeyFile", mesh.Config{TLS: mesh.TLS{CertFile: own.CertFile}}, "a PEM file with the private key of that certificate"},
		{"TLS.CAFile", mesh.Config{TLS: mesh.TLS{CAFile: own.KeyFile}}, "a PEM file with certificates of authorities"},

		{"Codec", mesh.Config{Codec: "json"}, ""},
		{"Codec", mesh.Config{Codec: "msgpack"}, ""},
		{"Codec", mesh.Config{Codec: "proto"}, ""},
		{"Codec", mesh.Config{Codec: "JSON"}, `one of "json", "msgpack", "proto"`},
		{"Discovery", mesh.Config{Discovery: "service"}, ""},
		{"Discovery", mesh.Config{Discovery: "static"}, ""},
		{"Discovery", mesh.Config{Discovery: "static", Peers: []string{"ws://a:4000"}}, ""},
		{"Discovery", mesh.Config{Discovery: "dns", DiscoveryAddress: "chat.default.svc:4000"}, ""},
		{"Discovery", mesh.Config{Discovery: "luck"}, `one of "dns", "service", "static"`},

		{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "wss://discovery:443"}, ""},
		{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "discovery:8000"}, `"ws://host:port"`},
		{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "ws://a:8000, ws://b:8000"}, ""},
		{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "ws://a:8000,b:8000"}, `"ws://host:port" or "wss://host:port", or several, separated by commas`},
		{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "ws://a:8000,ws://a:8000"}, `each replica once`},
		{"DiscoveryAddress", mesh.Config{Discovery: "dns", DiscoveryAddress: "_mesh._tcp.chat"}, ""},
		{"DiscoveryAddress", mesh.Config{Discovery: "dns", DiscoveryAddress: "ws://discovery:8000"}, `with Discovery "dns", "host:port"`},
		{"DiscoveryAddress", mesh.Config{Discovery: "dns"}, `"_mesh._tcp.host"`},
		{"Peers", mesh.Config{Discovery: "dns", DiscoveryAddress: "x:1", Peers: []string{"ws://a:4000"}}, `none with Discovery "dns"`},
		{"DiscoveryAddress", mesh.Config{Discovery: "static", DiscoveryAddress: "ws://discovery:8000"}, `none with Discovery "static"`},

		{"Peers", mesh.Config{Peers: []string{"ws://a:4000", "ws://b:4000"}}, ""},
		{"Peers", mesh.Config{Peers: []string{"ws://a:4000", "wss://b:4000"}, TLS: own}, ""},
		{"Peers[0]", mesh.Config{Peers: []string{"ws://a:4000"}, TLS: own, Transport: "wss"}, `"wss://host:port"`},
		{"Peers[0]", mesh.Config{Peers: []string{"ws://a:4000"}, AuthToken: "x", Transport: "quic"}, `"quic://host:port", with Transport "quic"`},
		{"Peers[1]", mesh.Config{Peers: []string{"ws://a:4000", "quic://b:4000"}}, `"ws://host:port"`},
		{"Peers[1]", mesh.Config{Peers: []string{"ws://a:4000", "b:4000"}}, `"ws://host:port"`},
		{"Peers", mesh.Config{Discovery: "service", Peers: []string{"ws://a:4000"}}, `none with Discovery "service"`},

		{"DialNetworks", mesh.Config{DialNetworks: []string{"10.0.0.0/8", "10.0.0.7", "fd00::/8", "::1"}}, ""},
		{"DialNetworks", mesh.Config{DialNetworks: []string{"10.0.0.0/8", "10.0.0"}}, `networks as "10.0.0.0/8"`},
		{"DialNetworks", mesh.Config{DialNetworks: []string{"example.com"}}, `networks as "10.0.0.0/8"`},
		{"DialPaths", mesh.Config{DialPaths: []string{"/mesh", "/nodes/*"}}, ""},
		{"DialPaths", mesh.Config{DialPaths: []string{"mesh"}}, `paths as "/mesh"`},
		{"MaxDials", mesh.Config{MaxDials: 1}, ""},
		{"DialRate", mesh.Config{DialRate: 1}, ""},
		{"MaxDials", mesh.Config{MaxDials: -1}, "a number above 0"},
		{"DialRate", mesh.Config{DialRate: -1}, "a number above 0"},

		{"AuthToken", mesh.Config{AuthToken: "any text"}, ""},

		{"Routing", mesh.Config{Routing: "interest"}, ""},
		{"Routing", mesh.Config{Routing: "luck"}, `"all" or "interest"`},

		{"HeartbeatInterval", mesh.Config{HeartbeatInterval: time.Second}, ""},
		{"HeartbeatInterval", mesh.Config{HeartbeatInterval: time.Minute}, ""},
		{"HeartbeatInterval", mesh.Config{HeartbeatInterval: -time.Second}, "a duration"},
		{"HeartbeatTimeout", mesh.Config{HeartbeatTimeout: time.Minute}, ""},
		{"HeartbeatTimeout", mesh.Config{HeartbeatTimeout: 5 * time.Second}, "more than HeartbeatInterval"},
		{"HandshakeTimeout", mesh.Config{HandshakeTimeout: time.Second}, ""},
		{"HandshakeTimeout", mesh.Config{HandshakeTimeout: -1}, "a duration"},
		{"RequestTimeout", mesh.Config{RequestTimeout: time.Second}, ""},
		{"RequestTimeout", mesh.Config{RequestTimeout: -1}, "a duration"},
		{"RedialMin", mesh.Config{RedialMin: time.Minute}, ""},
		{"RedialMin", mesh.Config{RedialMin: -1}, "a duration"},
		{"RedialMax", mesh.Config{RedialMax: time.Second}, ""},
		{"RedialMax", mesh.Config{RedialMax: time.Millisecond}, "RedialMin"},

		{"AcceptToken", mesh.Config{AuthToken: "x", AcceptToken: "y"}, ""},
		{"AcceptToken", mesh.Config{AcceptToken: "y"}, "an AuthToken"},
		{"MaxPeersPerSource", mesh.Config{MaxPeersPerSource: -1}, ""},
		{"Role", mesh.Config{Role: "observer"}, ""},
		{"Role", mesh.Config{Role: "client"}, `"server", "emitter" or "observer"`},
		{"EmitterTokens", mesh.Config{AuthToken: "x", EmitterTokens: []string{"y", "z"}, ObserverTokens: []string{"o"}}, ""},
		{"EmitterTokens", mesh.Config{EmitterTokens: []string{"y"}}, "an AuthToken beside"},
		{"EmitterTokens", mesh.Config{AuthToken: "x", EmitterTokens: []string{"x"}}, "differ"},
		{"EmitterTokens", mesh.Config{AuthToken: "x", AcceptToken: "y", EmitterTokens: []string{"y"}}, "differ"},
		{"EmitterTokens", mesh.Config{AuthToken: "x", EmitterTokens: []string{"y", "y"}}, "differ"},
		{"EmitterTokens", mesh.Config{AuthToken: "x", EmitterTokens: []string{""}}, "differ"},
		{"EmitterTokens", mesh.Config{AuthToken: "x", EmitterTokens: []string{"y"}, ObserverTokens: []string{"y"}}, "differ"},
		{"ObserverTokens", mesh.Config{AuthToken: "x", ObserverTokens: []string{"o"}}, ""},
		{"EmitterTokensFile", mesh.Config{AuthToken: "x", EmitterTokensFile: "LICENSE"}, ""},
		{"ObserverTokensFile", mesh.Config{AuthToken: "x", ObserverTokensFile: "LICENSE"}, ""},
		{"ObserverTokens", mesh.Config{Role: "observer", AuthToken: "x", ObserverTokens: []string{"y"}}, "none unless"},
		{"ObserverTokens", mesh.Config{Transport: "quic", AuthToken: "x", ObserverTokens: []string{"y"}}, "quic"},
		{"AuthTokenFile", mesh.Config{AuthTokenFile: "LICENSE"}, ""},
		{"AuthTokenFile", mesh.Config{AuthTokenFile: "x", AuthToken: "y"}, "either"},
		{"QueueBytes", mesh.Config{QueueBytes: 1 << 20}, ""},
		{"QueueBytes", mesh.Config{QueueBytes: -1}, "a number"},
		{"QueueMessages", mesh.Config{QueueMessages: 100}, ""},
		{"QueueMessages", mesh.Config{QueueMessages: -1}, "a number"},
		{"MaxQueueBytes", mesh.Config{MaxQueueBytes: 1 << 30}, ""},
		{"MaxQueueBytes", mesh.Config{MaxQueueBytes: 1 << 20}, "at least QueueBytes"},
		{"MaxQueueBytes", mesh.Config{QueueBytes: 1 << 20, MaxQueueBytes: 1 << 20}, ""},
		{"QueueMinRate", mesh.Config{QueueMinRate: 1000}, ""},
		{"QueueMinRate", mesh.Config{QueueMinRate: -1}, "a number"},
		{"QueueSlowTime", mesh.Config{QueueSlowTime: time.Second}, ""},
		{"QueueSlowTime", mesh.Config{QueueSlowTime: -time.Second}, "a duration"},
		{"AllowReferencePeers", mesh.Config{AllowReferencePeers: new(false)}, ""},
		{"AllowTLSProxies", mesh.Config{AllowTLSProxies: true}, ""},
		{"ResumeWindow", mesh.Config{ResumeWindow: time.Minute}, ""},
		{"ResumeWindow", mesh.Config{ResumeWindow: -time.Second}, "a duration"},
		{"ReplayBytes", mesh.Config{ReplayBytes: 1 << 20}, ""},
		{"ReplayBytes", mesh.Config{ReplayBytes: 1000}, "at least 1 MiB"},
		{"InboxBytes", mesh.Config{InboxBytes: 1 << 20}, ""},
		{"InboxBytes", mesh.Config{InboxBytes: -1}, "a number"},
		{"MaxFrame", mesh.Config{MaxFrame: 1 << 20}, ""},
		{"MaxFrame", mesh.Config{MaxFrame: -1}, "a number"},
		{"MaxHandshakes", mesh.Config{MaxHandshakes: 10}, ""},
		{"MaxHandshakes", mesh.Config{MaxHandshakes: -1}, "a number"},
		{"DrainRate", mesh.Config{DrainRate: 10}, ""},
		{"DrainRate", mesh.Config{DrainRate: -1}, "a number"},
		{"DrainTime", mesh.Config{DrainTime: time.Minute}, ""},
		{"DrainTime", mesh.Config{DrainTime: -1}, ""},

		{"OpsListen", mesh.Config{OpsListen: ":4100"}, ""},
		{"OpsListen", mesh.Config{OpsListen: "4100"}, `"host:port"`},
		{"OpsToken", mesh.Config{OpsToken: "any text"}, ""},
		{"OpsWritable", mesh.Config{OpsWritable: true}, ""},
		{"OpsPprof", mesh.Config{OpsPprof: true}, ""},
		{"OpsReadyLinks", mesh.Config{OpsReadyLinks: 100}, ""},
		{"OpsReadyLinks", mesh.Config{OpsReadyLinks: -1}, ""},
		{"OpsReadyLinks", mesh.Config{OpsReadyLinks: 101}, "percent, 1 to 100"},
	}
}

func TestConfigOptions(t *testing.T) {
	for _, c := range optionCases(t) {
		t.Run(c.field, func(t *testing.T) {
			_, err := mesh.New(c.config)
			if c.bad == "" {
				if err != nil {
					t.Fatalf("%+v: %v", c.config, err)
				}
				return
			}
			wantConfigError(t, err, c.field, c.bad)
		})
	}
}

// TestConfigOptionsAreAllTested fails when Config has a field that the table
// above does not know.
func TestConfigOptionsAreAllTested(t *testing.T) {
	cases := optionCases(t)
	for field := range reflect.TypeFor[mesh.Config]().Fields() {
		if field.IsExported() && !hasGoodCase(cases, field.Name) {
			t.Errorf("no good value of %s is tested", field.Name)
		}
	}
}

func hasGoodCase(cases []optionCase, field string) bool {
	for _, c := range cases {
		if c.field == field && c.bad == "" {
			return true
		}
	}
	return false
}

func TestZeroConfigWorks(t *testing.T) {
	if err := (mesh.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if _, err := mesh.New(mesh.Config{}); err != nil {
		t.Error(err)
	}
}

// A part given in code needs no name in Config, and no addresses of others.
func TestPartsGivenInCodeWin(t *testing.T) {
	_, err := mesh.New(mesh.Config{Listen: "a place", Transport: "ws", Codec: "nonsense", Discovery: "service"},
		mesh.WithTransport(transport{"pigeon"}),
		mesh.WithCodec(codec{"morse"}),
		mesh.WithDiscovery(discovery{"gossip"}),
	)
	if err != nil {
		t.Error(err)
	}
}

// A transport of the user's own may say which schemes are its own; if it does not,
// none is refused.
func TestSchemesOfOwnTransports(t *testing.T) {
	for _, c := range []struct {
		t      core.Transport
		config mesh.Config
		field  string // that is refused; "" for none
	}{
		{transport{"pigeon"}, mesh.Config{Advertise: "loft 7", Peers: []string{"loft 8", "ws://a:1"}}, ""},
		{picky{transport{"pigeon"}}, mesh.Config{Advertise: "coo://loft", Peers: []string{"flap://loft", "loft"}}, ""},
		{picky{transport{"pigeon"}}, mesh.Config{Advertise: "//loft"}, ""},
		{picky{transport{"pigeon"}}, mesh.Config{Advertise: "ws://loft:1"}, "Advertise"},
		{picky{transport{"pigeon"}}, mesh.Config{Peers: []string{"coo://a", "ws://loft:1"}}, "Peers[1]"},
	} {
		_, err := mesh.New(c.config, mesh.WithTransport(c.t))
		if c.field != "" {
			wantConfigError(t, err, c.field, "coo:// or flap://")
		} else if err != nil {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
}

// wantConfigError checks that err names the field and what is allowed.
func wantConfigError(t *testing.T, err error, field, allowed string) {
	t.Helper()
	bad, ok := errors.AsType[*core.ConfigError](err)
	if !ok {
		t.Fatalf("error %v, want a ConfigError of %s", err, field)
	}
	if bad.Field != field || !strings.Contains(bad.Allowed, allowed) {
		t.Errorf("error %q, want one that names %s and %s", err, field, allowed)
	}
}
