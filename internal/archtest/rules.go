package archtest

import (
	"slices"
	"strings"
)

// module is the path that all packages of the house begin with, those of the module
// examples too.
const module = "github.com/socketmesh/mesh"

// rule says what the packages below some folders may import, directly, beside
// the standard library and packages below themselves. Paths of the house begin with "./";
// a path stands for the package and all below it, "./" alone for the root
// package only, and "./internal" for the small tools there, not for the engine.
type rule struct {
	folders []string
	may     []string
	// deep are paths that must not be reached, not even through others.
	deep []string
}

// engine are the two packages that do the work of the mesh. Each rule that allows them
// names them: parts know the contracts of core alone.
var engine = []string{"./internal/node", "./internal/cluster"}

// libraries belong to parts, to hosts and to applications.
var libraries = []string{"go.uber.org/fx", "github.com/hashicorp", "github.com/gorilla", "github.com/zishang520", "github.com/prometheus", "github.com/quic-go", "go.opentelemetry.io"}

// servesByItself are packages that add something to http.DefaultServeMux of every
// program that has them in it.
var servesByItself = []string{"net/http/pprof", "expvar"}

// rules are tried in order: the first whose folder holds a package counts.
var rules = []rule{
	{
		folders: []string{"./core/coretest"},
		may:     []string{"./core", "./internal", "./internal/cluster", "./codec", "./transport/mem"},
	},
	{
		folders: []string{"./core"},
		may:     []string{"./internal"},
		deep:    slices.Concat(engine, libraries),
	},
	{
		// The node and the adapters of its namespaces know each other as core.Cluster,
		// core.Adapter and core.Receiver. The root joins them.
		folders: []string{"./internal/node"},
		may:     []string{"./core", "./internal"},
		deep:    append([]string{"./internal/cluster"}, libraries...),
	},
	{
		folders: []string{"./internal/cluster"},
		may:     []string{"./core", "./internal"},
		deep:    append([]string{"./internal/node"}, libraries...),
	},
	{
		folders: []string{"./internal/archtest"},
	},
	{
		// The benchmark's clients ask the kernel themselves.
		folders: []string{"./internal/load"},
		may:     []string{"./internal", "golang.org/x/sys/unix"},
	},
	{
		// The simulation runs whole nodes.
		folders: []string{"./internal/sim"},
		may:     []string{"./core", "./core/coretest", "./internal", "./internal/node", "./internal/cluster", "./codec/json", "./transport/mem"},
	},
	{
		folders: []string{"./internal/dnstest"},
		may:     []string{"golang.org/x/net/dns/dnsmessage"},
	},
	{
		// What discoveries share, of which core has the words.
		folders: []string{"./internal/endpoint"},
		may:     []string{"./core"},
	},
	{
		folders: []string{"./internal"},
		may:     []string{"./internal"},
	},
	{
		// The exported contracts use the standard library and what they test.
		folders: []string{"./transport/transporttest", "./codec/codectest", "./discovery/discoverytest"},
		may:     []string{"./core", "./internal"},
	},
	{
		folders: []string{"./transport/ws", "./discovery/service"},
		may:     []string{"./core", "./internal", "github.com/gorilla/websocket"},
	},
	{
		folders: []string{"./transport/quic"},
		may:     []string{"./core", "./internal", "github.com/quic-go/quic-go", "golang.org/x/crypto/argon2"},
	},
	{
		// Its tests run whole servers, as those of users would.
		folders: []string{"./discovery/kubernetes"},
		may:     []string{"./", "./core", "./internal", "k8s.io/api", "k8s.io/apimachinery", "k8s.io/client-go"},
	},
	{
		folders: []string{"./discovery/gossip"},
		may:     []string{"./core", "./internal", "github.com/hashicorp/memberlist"},
	},
	{
		folders: []string{"./codec/proto"},
		may:     []string{"./core", "./internal", "google.golang.org/protobuf"},
	},
	{
		folders: []string{"./transport", "./codec", "./discovery"},
		may:     []string{"./core", "./internal"},
	},
	{
		// Queues and clocks know nothing of Socket.IO.
		folders: []string{"./socketio/internal/sendqueue", "./socketio/internal/timingwheel", "./socketio/internal/netpoll"},
		may:     []string{"./internal"},
		deep:    []string{"github.com/zishang520", "./core"},
	},
	{
		// Only programs that import the admin UI have bcrypt in them. Its tests are clients,
		// and its example is a user's program: they alone import the root.
		folders: []string{"./socketio/adminui"},
		may:     []string{"./", "./core", "./internal", "./socketio", "./socketio/internal", "github.com/zishang520/socket.io", "github.com/gorilla/websocket", "golang.org/x/crypto/bcrypt"},
		deep:    engine,
	},
	{
		// A host knows the mesh as core.Adapter alone. The root gives it the node.
		folders: []string{"./socketio"},
		may:     []string{"./core", "./internal", "./socketio/internal", "github.com/zishang520/socket.io", "github.com/gorilla/websocket"},
		deep:    engine,
	},
	{
		// Metrics read the snapshots of parts. Only programs that import this have
		// Prometheus' library in them: see the root's rule.
		folders: []string{"./ops/metrics"},
		may:     []string{"./core", "./internal", "./socketio", "./discovery/service", "github.com/prometheus/client_golang"},
		deep:    engine,
	},
	{
		// Spans are of what the node tells an observer. Its tests run whole nodes.
		folders: []string{"./ops/meshotel"},
		may:     []string{"./core", "./internal", "./internal/node", "./internal/cluster", "./codec", "./transport/mem", "go.opentelemetry.io/otel"},
	},
	{
		// What operators see asks the node through an interface of its own.
		folders: []string{"./ops"},
		may:     []string{"./core", "./internal"},
		deep:    slices.Concat(engine, libraries, servesByItself),
	},
	{
		folders: []string{"./"},
		may: []string{"./core", "./codec", "./transport", "./discovery", "./socketio", "./ops", "./internal", "./internal/node", "./internal/cluster",
			"go.uber.org/fx", "github.com/zishang520/socket.io/servers/socket/v3"},
		// Programs that do not use a part do not have its dependency in them.
		deep: append([]string{"./socketio/adminui", "golang.org/x/crypto/bcrypt", "./ops/metrics", "github.com/prometheus", "./ops/meshotel", "go.opentelemetry.io", "./discovery/gossip", "github.com/hashicorp", "github.com/miekg/dns"}, servesByItself...),
	},
	{
		// A part that a user writes needs core alone, and a library of its own.
		folders: []string{"./examples/custom/cbor"},
		may:     []string{"./core", "github.com/fxamacker/cbor"},
	},
	{
		folders: []string{"./examples/custom/unix", "./examples/custom/file", "./examples/custom/audit"},
		may:     []string{"./core"},
	},
	{
		// One mounts servers into the frameworks that users have.
		folders: []string{"./examples/web"},
		may: []string{"./", "github.com/zishang520/socket.io", "github.com/gorilla/websocket",
			"github.com/gin-gonic/gin", "github.com/gin-contrib/cors", "github.com/labstack/echo", "github.com/go-chi"},
	},
	{
		// Examples are what users copy, who have no internal packages.
		folders: []string{"./examples"},
		may: []string{"./", "./core", "./codec", "./transport", "./discovery", "./socketio", "./ops", "./examples/custom",
			"go.uber.org/fx", "github.com/zishang520/socket.io", "github.com/gorilla/websocket"},
	},
	{
		folders: []string{"./e2e/compat"},
		may: []string{"./", "./core", "./e2e/internal/procs", "github.com/zishang520/socket.io", "github.com/gorilla/websocket",
			"github.com/quic-go/quic-go", "github.com/quic-go/webtransport-go"},
	},
	{
		folders: []string{"./cmd", "./e2e", "./bench"},
		may: []string{"./", "./core", "./codec", "./transport", "./discovery", "./socketio", "./ops", "./internal", "./internal/node", "./internal/cluster", "./bench", "./e2e/internal/procs", "./e2e/internal/proxy",
			"go.uber.org/fx", "github.com/zishang520/socket.io", "github.com/gorilla/websocket", "github.com/urfave/cli", "golang.org/x/term"},
	},
}

// testOnly may be imported by every test, beside what the package itself may.
var testOnly = []string{
	"go.uber.org/goleak",
	"./core/coretest", "./transport/transporttest", "./codec/codectest", "./discovery/discoverytest",
}

// ruleFor finds the rule of a package; nil if nobody has thought of it.
func ruleFor(path string) *rule {
	for i := range rules {
		for _, folder := range rules[i].folders {
			if holds(folder, path) {
				return &rules[i]
			}
		}
	}
	return nil
}

// allows tells whether a package of the rule may import the path.
func (r *rule) allows(importer, path string) bool {
	if isStandard(path) || holds(short(importer), path) {
		return true
	}
	for _, pattern := range r.may {
		if holds(pattern, path) && (pattern != "./internal" || !isEngine(path)) {
			return true
		}
	}
	return false
}

func isEngine(path string) bool {
	return slices.ContainsFunc(engine, func(pattern string) bool { return holds(pattern, path) })
}

// holds tells whether pattern, as in a rule, stands for the package.
func holds(pattern, path string) bool {
	if pattern == "./" {
		return path == module
	}
	pattern = strings.Replace(pattern, "./", module+"/", 1)
	return path == pattern || strings.HasPrefix(path, pattern+"/")
}

// short is a path of the house as the rules write it.
func short(path string) string {
	if path == module {
		return "./"
	}
	if below, ok := strings.CutPrefix(path, module+"/"); ok {
		return "./" + below
	}
	return path
}

// isStandard tells the standard library by its first element, which has no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
