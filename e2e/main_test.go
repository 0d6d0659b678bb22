package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// binaries are what the tests run, built by TestMain with the race detector.
var binaries struct{ server, mesh string }

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mesh-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := procs.InstallNode("node"); err != nil {
		return fail(err)
	}
	if err := build(dir); err != nil {
		return fail(err)
	}
	code := m.Run()
	stopDriver()
	if err := goleak.Find(); err != nil && code == 0 {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

func build(dir string) error {
	binaries.server = filepath.Join(dir, "server")
	binaries.mesh = filepath.Join(dir, "mesh")
	return errors.Join(
		procs.Build(binaries.server, "./server", "-race"),
		procs.Build(binaries.mesh, "../cmd/mesh", "-race"),
	)
}
