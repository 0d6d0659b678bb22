package mesh_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/socketmesh/mesh"
)

var (
	optionRow = regexp.MustCompile("(?m)^\\| (`[A-Z]\\w+`(?:, `[A-Z]\\w+`)*) \\| ([^|]*MESH_[^|]*) \\|")
	quoted    = regexp.MustCompile("`([A-Za-z_]+)`")
)

// TestReadmeListsEveryOption: the table has every field of Config, no other, and
// for each the variables that set it.
func TestReadmeListsEveryOption(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"Listen": ":1", "Advertise": "ws://x:1", "Transport": "ws", "Codec": "msgpack", "Discovery": "service",
		"DiscoveryAddress": "ws://x:1", "TLS": "x", "Peers": "ws://x:1", "AuthToken": "x", "AuthTokenFile": "x", "AcceptToken": "x", "AllowReferencePeers": "true", "AllowTLSProxies": "true", "Role": "emitter", "EmitterTokens": "x", "ObserverTokens": "x", "EmitterTokensFile": "x", "ObserverTokensFile": "x", "Routing": "interest",
		"HeartbeatInterval": "1s", "HeartbeatTimeout": "1m", "HandshakeTimeout": "1s", "RequestTimeout": "1s",
		"DialNetworks": "10.0.0.0/8", "DialPaths": "/mesh", "MaxDials": "1", "DialRate": "1", "RedialMin": "1s", "RedialMax": "1h", "QueueBytes": "1", "QueueMessages": "1", "InboxBytes": "1",
		"MaxQueueBytes": "1073741824", "QueueMinRate": "1", "QueueSlowTime": "1s", "ResumeWindow": "1m", "ReplayBytes": "1048576",
		"MaxFrame": "1", "MaxHandshakes": "1", "MaxPeersPerSource": "1", "DrainRate": "1", "DrainTime": "1s",
		"OpsListen": ":1", "OpsToken": "x", "OpsWritable": "true", "OpsPprof": "true", "OpsReadyLinks": "1",
	}
	var listed []string
	for _, row := range optionRow.FindAllStringSubmatch(string(text), -1) {
		fields, variables := quoted.FindAllStringSubmatch(row[1], -1), quoted.FindAllStringSubmatch(row[2], -1)
		for i, field := range fields {
			listed = append(listed, field[1])
			mine := variables
			if len(fields) > 1 {
				mine = variables[i : i+1]
			}
			for _, variable := range mine {
				t.Run(variable[1], func(t *testing.T) {
					value := good[field[1]]
					switch {
					case strings.HasSuffix(variable[1], "_PORT"):
						value = "1"
					case strings.HasSuffix(variable[1], "_IP"):
						value = "127.0.0.1"
					case strings.HasSuffix(variable[1], "_URI"):
						value = "spiffe://x/y"
					case strings.HasSuffix(variable[1], "_KEY"):
						t.Setenv(strings.Replace(variable[1], "_KEY", "_CERT", 1), "x")
					}
					switch variable[1] {
					case "MESH_ACCEPT_TOKEN", "MESH_EMITTER_TOKENS", "MESH_OBSERVER_TOKENS", "MESH_EMITTER_TOKENS_FILE", "MESH_OBSERVER_TOKENS_FILE":
						t.Setenv("MESH_AUTH_TOKEN", "y")
					}
					t.Setenv(variable[1], value)
					c, err := mesh.ConfigFromEnv()
					if err != nil {
						t.Fatal(err)
					}
					if reflect.ValueOf(c).FieldByName(field[1]).IsZero() {
						t.Errorf("%s=%s does not set %s", variable[1], value, field[1])
					}
				})
			}
		}
	}
	var fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[mesh.Config]()) {
		if field.IsExported() {
			fields = append(fields, field.Name)
		}
	}
	slices.Sort(fields)
	slices.Sort(listed)
	if !slices.Equal(fields, listed) {
		t.Errorf("README lists %q, Config has %q", listed, fields)
	}
}
