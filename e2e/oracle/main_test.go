package oracle

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// parallel is how many cells are played at once. They mostly wait.
const parallel = "12"

var serverBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "oracle")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	serverBinary = filepath.Join(dir, "server")
	// Without the race detector: the host library has races of its own.
	build := exec.Command("go", "build", "-o", serverBinary, "./server")
	if out, err := build.CombinedOutput(); err != nil {
		return failed(fmt.Errorf("building the server: %w\n%s", err, out))
	}
	if err := installNode(); err != nil {
		return failed(err)
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		return failed(err)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		return failed(err)
	}
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "oracle:", err)
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
