package mesh_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// optionCases are good and bad values of every field of Config.
var optionCases = []struct {
	field  string
	config mesh.Config
	bad    string // what the error says is allowed; "" if the value is good
}{
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

	{"Transport", mesh.Config{Transport: "ws"}, ""},
	{"Transport", mesh.Config{Transport: "carrier-pigeon"}, `one of "ws"`},
	{"Codec", mesh.Config{Codec: "json"}, ""},
	{"Codec", mesh.Config{Codec: "msgpack"}, ""},
	{"Codec", mesh.Config{Codec: "JSON"}, `one of "json", "msgpack"`},
	{"Discovery", mesh.Config{Discovery: "service"}, ""},
	{"Discovery", mesh.Config{Discovery: "static"}, ""},
	{"Discovery", mesh.Config{Discovery: "static", Peers: []string{"ws://a:4000"}}, ""},
	{"Discovery", mesh.Config{Discovery: "dns"}, `one of "service", "static"`},

	{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "wss://discovery:443"}, ""},
	{"DiscoveryAddress", mesh.Config{DiscoveryAddress: "discovery:8000"}, `"ws://host:port"`},
	{"DiscoveryAddress", mesh.Config{Discovery: "static", DiscoveryAddress: "ws://discovery:8000"}, `none with Discovery "static"`},

	{"Peers", mesh.Config{Peers: []string{"ws://a:4000", "ws://b:4000"}}, ""},
	{"Peers[1]", mesh.Config{Peers: []string{"ws://a:4000", "b:4000"}}, `"ws://host:port"`},
	{"Peers", mesh.Config{Discovery: "service", Peers: []string{"ws://a:4000"}}, `none with Discovery "service"`},

	{"AuthToken", mesh.Config{AuthToken: "any text"}, ""},

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

	{"QueueBytes", mesh.Config{QueueBytes: 1 << 20}, ""},
	{"QueueBytes", mesh.Config{QueueBytes: -1}, "a number"},
	{"QueueMessages", mesh.Config{QueueMessages: 100}, ""},
	{"QueueMessages", mesh.Config{QueueMessages: -1}, "a number"},
	{"InboxBytes", mesh.Config{InboxBytes: 1 << 20}, ""},
	{"InboxBytes", mesh.Config{InboxBytes: -1}, "a number"},
	{"MaxFrame", mesh.Config{MaxFrame: 1 << 20}, ""},
	{"MaxFrame", mesh.Config{MaxFrame: -1}, "a number"},
	{"MaxHandshakes", mesh.Config{MaxHandshakes: 10}, ""},
	{"MaxHandshakes", mesh.Config{MaxHandshakes: -1}, "a number"},
}

func TestConfigOptions(t *testing.T) {
	for _, c := range optionCases {
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
	for field := range reflect.TypeFor[mesh.Config]().Fields() {
		if !hasGoodCase(field.Name) {
			t.Errorf("no good value of %s is tested", field.Name)
		}
	}
}

func hasGoodCase(field string) bool {
	for _, c := range optionCases {
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
