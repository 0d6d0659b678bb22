package compat

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/internal/race"
)

var update = flag.Bool("update", false, "write the transcripts of the host alone to testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	if race.Enabled {
		os.Exit(withoutDetector())
	}
	if err := procs.InstallNode("node"); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
	code := m.Run()
	stopDriver()
	// Timers of the host's engine may outlive their connection, as a ping's interval.
	hostTimer := goleak.IgnoreTopFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1")
	if err := goleak.Find(hostTimer); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "compat:", err)
		code = 1
	}
	os.Exit(code)
}

// withoutDetector runs the tests in a process of their own, without the race
// detector: the host alone has races, in its polling and its acknowledgements, which
// would be reported here.
func withoutDetector() int {
	dir, err := os.MkdirTemp("", "compat")
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "compat.test")
	build := exec.Command("go", "test", "-vet=off", "-c", "-o", binary, ".")
	procs.Plain(build)
	for _, command := range []*exec.Cmd{build, exec.Command(binary, os.Args[1:]...)} {
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			return 1
		}
	}
	return 0
}
