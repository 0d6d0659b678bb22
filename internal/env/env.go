// Package env knows the environment variables of the mesh, in order to find misspelt
// ones.
package env

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// Prefix is the prefix of all variables.
const Prefix = "MESH_"

// Known are the names of all variables that package mesh, the discovery service or the
// binary read. Their tests check that it is complete.
var Known = strings.Fields(`
	MESH_ACCEPT_TOKEN MESH_ADVERTISE MESH_ALLOW_REFERENCE_PEERS MESH_ALLOW_TLS_PROXIES MESH_AUTH_TOKEN MESH_AUTH_TOKEN_FILE MESH_CODEC MESH_DISCOVERY
	MESH_DISCOVERY_ADDRESS MESH_DISCOVERY_MAX_NODES MESH_DISCOVERY_MAX_PER_SOURCE MESH_DISCOVERY_SERVICE_ADDRESS MESH_HANDSHAKE_TIMEOUT MESH_HEARTBEAT_INTERVAL
	MESH_HEARTBEAT_TIMEOUT MESH_INBOX_BYTES MESH_LISTEN MESH_MAX_FRAME MESH_MAX_HANDSHAKES MESH_MAX_PEERS_PER_SOURCE
	MESH_DIAL_NETWORKS MESH_DIAL_PATHS MESH_DIAL_RATE MESH_MAX_DIALS MESH_MAX_QUEUE_BYTES MESH_PEERS MESH_QUEUE_BYTES MESH_QUEUE_MESSAGES MESH_QUEUE_MIN_RATE
	MESH_QUEUE_SLOW_TIME MESH_REDIAL_MAX MESH_REDIAL_MIN MESH_REPLAY_BYTES MESH_REQUEST_TIMEOUT MESH_RESUME_WINDOW MESH_ROLE MESH_ROUTING MESH_EMITTER_TOKENS MESH_OBSERVER_TOKENS
	MESH_EMITTER_TOKENS_FILE MESH_OBSERVER_TOKENS_FILE
	MESH_SERVER_WS_ADDRESS MESH_TLS_CA MESH_TLS_CERT MESH_TLS_KEY MESH_TLS_PEER_URI MESH_TLS_EMITTER_URI MESH_TLS_OBSERVER_URI MESH_TLS_SERVER_NAME MESH_TRANSPORT
	MESH_WS_IP MESH_WS_PORT

	MESH_CERT_CA MESH_CERT_DAYS MESH_CERT_NAME MESH_CERT_NAMES MESH_CERT_OUT MESH_CERT_RENEW MESH_DEMO_DISCOVERY_PORT MESH_DEMO_MESH_PORT
	MESH_DEMO_NODES MESH_DEMO_PORT MESH_HOST MESH_LOG_FORMAT MESH_LOG_LEVEL
`)

// families are prefixes of variables that other tools read and check, or of which parts
// of the binary have many.
var families = []string{"MESH_BENCH_", "MESH_GOSSIP_", "MESH_OPS_", "MESH_DRAIN_", "MESH_NODES_", "MESH_TOP_", "MESH_ROOMS_", "MESH_SOCKETS_", "MESH_EMIT_", "MESH_EXPLAIN_", "MESH_TRACE_", "MESH_HEALTH_"}

// services matches the variables that Kubernetes sets in every pod for a service whose
// name begins with mesh.
var services = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP).*)?$`)

// Misspelt is a variable of the mesh that no program reads.
type Misspelt struct {
	Name  string
	Meant string // the known name that is most like it; "" if there is none
}

// Unknown returns the variables with Prefix that no program reads, sorted by name, in an
// environment such as os.Environ.
func Unknown(environ []string) []Misspelt {
	var found []Misspelt
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, Prefix) || value == "" || slices.Contains(Known, name) || services.MatchString(name) ||
			slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(name, f) }) {
			continue
		}
		found = append(found, Misspelt{name, nearest(name)})
	}
	slices.SortFunc(found, func(a, b Misspelt) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// WarnOf logs such variables.
func WarnOf(found []Misspelt, log *slog.Logger) {
	for _, v := range found {
		attrs := []any{"variable", v.Name}
		if v.Meant != "" {
			attrs = append(attrs, "did_you_mean", v.Meant)
		}
		log.Warn("an environment variable begins with MESH_, and nobody reads it", attrs...)
	}
}

// nearest returns the known name with the fewest differences, if they are few.
func nearest(name string) (meant string) {
	least := 4
	for _, known := range Known {
		if d := distance(name, known); d < least {
			meant, least = known, d
		}
	}
	return meant
}

// distance is the Levenshtein distance: the number of letters to insert, delete or
// replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
