package oracle

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/e2e/internal/procs"
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
	if err := procs.Build(serverBinary, "./server"); err != nil {
		return failed(err)
	}
	if err := procs.InstallNode("node"); err != nil {
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
