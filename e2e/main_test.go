package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
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
	if err := installNode(); err != nil {
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

// installNode installs what node/package-lock.json names, unless that is done.
func installNode() error {
	if _, err := os.Stat("node/node_modules/.package-lock.json"); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

func build(dir string) error {
	binaries.server = filepath.Join(dir, "server")
	binaries.mesh = filepath.Join(dir, "mesh")
	for path, pkg := range map[string]string{binaries.server: "./server", binaries.mesh: "../cmd/mesh"} {
		if out, err := exec.Command("go", "build", "-race", "-o", path, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}
