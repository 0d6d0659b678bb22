// Package doctest keeps the Go code in README.md and docs/ compiling, and what is
// quoted from the examples the same as there.
package doctest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// frame is what snippets take for granted: imports, and names of things that the
// reader has.
const frame = `package snippets

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/gossip"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/ops/meshotel"
	"github.com/socketmesh/mesh/ops/metrics"
	"github.com/socketmesh/mesh/socketio"
	"github.com/socketmesh/mesh/socketio/adminui"
)

var (
	ctx  context.Context
	cfg  mesh.Config
	m    *mesh.Mesh
	t    core.Transport
	c    core.Codec
	d    core.Discovery
	l    *slog.Logger
	o    core.Observer
	s    *service.Server
	io   *socket.Server
	mux  *http.ServeMux
	sid  string
	secret string
	newT func() core.Transport
	newC func() core.Codec
	newD func() core.Discovery

	registry *prometheus.Registry

	_ = errors.Is
	_ = log.Fatal
	_ = net.JoinHostPort
	_ = time.Now
	_ = fx.New
	_ = types.Cors{}
	_ = socketio.Of
	_ = metrics.DiscoveryHandler
	_ = gossip.Key
	_ = adminui.Instrument
	_ = meshotel.NewObserver
)
`

// TestSnippetsCompile puts every Go block of the documents that is not quoted into
// one package, and has the compiler look at it.
func TestSnippetsCompile(t *testing.T) {
	code := frame
	blocks := 0
	for _, b := range goBlocks(t) {
		if b.source == "" {
			blocks++
			code += fmt.Sprintf("\n// %s\n%s", b.doc, declare(t, b.doc, blocks, b.code))
		}
	}
	if blocks < 6 {
		t.Fatalf("found only %d blocks", blocks)
	}
	// Inside the module, or it would know none of its packages; and with a name
	// that ./... does not match.
	dir, err := os.MkdirTemp(".", "_snippets-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "snippets.go"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	// As make lint compiles, so that the compiler does the work once.
	build := exec.Command("go", "build", "-trimpath", "-o", os.DevNull, "./"+dir)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, numbered(code))
	}
}

// declare turns a block into declarations: statements become a function, which
// uses what they define.
func declare(t *testing.T, doc string, number int, block string) string {
	t.Helper()
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+block, 0); err == nil {
		return block
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+block+"}\n", 0)
	if err != nil {
		t.Fatalf("%s: a block is neither declarations nor statements: %v\n%s", doc, err, block)
	}
	var uses strings.Builder
	for _, statement := range file.Decls[0].(*ast.FuncDecl).Body.List {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, name := range assign.Lhs {
				fmt.Fprintf(&uses, "_ = %s\n", name.(*ast.Ident).Name)
			}
		}
	}
	return fmt.Sprintf("func block%d() {\n%s%s}\n", number, block, uses.String())
}

func numbered(code string) string {
	var b strings.Builder
	for i, line := range strings.Split(code, "\n") {
		fmt.Fprintf(&b, "%4d %s\n", i+1, line)
	}
	return b.String()
}
