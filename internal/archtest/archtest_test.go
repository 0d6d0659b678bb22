package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list` says about a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// TestImports checks every package of the module, of the examples and of discovery/kubernetes, against the rules.
func TestImports(t *testing.T) {
	for _, p := range slices.Concat(list(t, root), list(t, filepath.Join(root, "examples")), list(t, filepath.Join(root, "discovery", "kubernetes"))) {
		r := ruleFor(p.ImportPath)
		if r == nil {
			t.Errorf("%s: there is no rule for it; say in rules.go what it may import", short(p.ImportPath))
			continue
		}
		for _, path := range p.Imports {
			if !r.allows(p.ImportPath, path) {
				t.Errorf("%s must not import %s\n\tit may import the standard library and: %s",
					short(p.ImportPath), short(path), strings.Join(r.may, ", "))
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if !r.allows(p.ImportPath, path) && !testAllows(p.ImportPath, path) {
				t.Errorf("the tests of %s must not import %s", short(p.ImportPath), short(path))
			}
		}
		for _, path := range p.Deps {
			if slices.ContainsFunc(r.deep, func(pattern string) bool { return holds(pattern, path) }) {
				t.Errorf("%s must not depend on %s, not even through another package", short(p.ImportPath), path)
			}
		}
	}
}

// testAllows: tests may build real clusters out of the parts of the house.
func testAllows(importer, path string) bool {
	if path == importer || slices.ContainsFunc(testOnly, func(pattern string) bool { return holds(pattern, path) }) {
		return true
	}
	return slices.ContainsFunc([]string{"./core", "./internal", "./codec", "./transport/mem"},
		func(pattern string) bool { return holds(pattern, path) })
}

// TestRules makes sure that the rules can say no.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		importer, path string
		want           bool
	}{
		{"/core", "fmt", true},
		{"/core", module + "/internal/msgpack", true},
		{"/core", module + "/transport/ws", false},
		{"/core", module, false},
		{"/core", "go.uber.org/fx", false},
		{"/core", module + "/internal/node", false},
		{"/internal/node", module + "/core", true},
		{"/internal/node", module + "/internal/loglimit", true},
		{"/internal/node", module + "/internal/cluster", false},
		{"/internal/cluster", module + "/internal/node", false},
		{"/internal/loglimit", module + "/internal/node", false},
		{"/socketio", module + "/internal/node", false},
		{"/socketio", module + "/internal/cluster", false},
		{"/socketio/internal/rooms", module + "/internal/cluster", false},
		{"/ops", module + "/core", true},
		{"/ops", module + "/socketio", false},
		{"/ops", module + "/internal/node", false},
		{"/ops", "github.com/prometheus/client_golang/prometheus", false},
		{"", module + "/ops", true},
		{"", module + "/internal/node", true},
		{"/transport/ws", module + "/internal/node", false},
		{"/transport/ws", module + "/core", true},
		{"/transport/ws", "github.com/gorilla/websocket", true},
		{"/transport/ws", module + "/transport/mem", false},
		{"/transport/mem", "github.com/gorilla/websocket", false},
		{"/transport/mem", module + "/transport/mem/fault", true},
		{"/codec/json", module + "/codec/msgpack", false},
		{"/discovery/static", module + "/discovery/service", false},
		{"/socketio", "github.com/zishang520/socket.io/servers/socket/v3", true},
		{"/socketio", module, false},
		{"", "go.uber.org/fx", true},
		{"", module + "/cmd/mesh", false},
		{"/cmd/mesh", module, true},
		{"/internal/msgpack", module + "/core", false},
		{"/examples/custom/unix", module + "/core", true},
		{"/examples/custom/unix", module + "/transport/ws", false},
		{"/examples/custom", module + "/examples/custom/unix", true},
		{"/examples/fx", module + "/internal/jsonscan", false},
	} {
		r := ruleFor(module + c.importer)
		if r == nil {
			t.Errorf("no rule for %q", c.importer)
		} else if got := r.allows(module+c.importer, c.path); got != c.want {
			t.Errorf("%s imports %s: allowed %v, want %v", short(module+c.importer), short(c.path), got, c.want)
		}
	}
	if ruleFor(module+"/elsewhere") != nil {
		t.Error("a folder that nobody has thought of has a rule")
	}
}

// list asks go for all packages of the module in a folder.
func list(t *testing.T, folder string) []listed {
	t.Helper()
	// Packages of others that do not compile are for others to report: -e.
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	command.Dir = folder
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(packages) == 0 {
				t.Fatal("go list found no package")
			}
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
