package main

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/socketmesh/mesh/bench"
	"github.com/socketmesh/mesh/bench/cluster"
)

// benchSetup returns the setup in which every process is this program, in another role.
func benchSetup(folder string, meshFlags map[string]string, errOut io.Writer) (*bench.Setup, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	shared := &sharedWriter{out: errOut}
	setup := &bench.Setup{
		Cluster: cluster.Options{
			Self:   []string{self, "bench-server"},
			Folder: cmp.Or(folder, cluster.FindFolder()),
		},
		Link: func(kind string) *exec.Cmd { return exec.Command(self, "bench-link", "--kind", kind) },
		Worker: func() *exec.Cmd {
			cmd := exec.Command(self, "bench-worker")
			cmd.Stderr = shared
			return cmd
		},
		Descriptors: descriptorLimit(),
		Progress:    bench.NewProgress(shared, isTerminal(errOut)),
	}
	for flag, value := range meshFlags {
		if value != "" {
			setup.Cluster.MeshFlags = append(setup.Cluster.MeshFlags, flag+"="+value)
		}
	}
	return setup, nil
}

// sharedWriter serialises the writes of the benchmark and of its processes.
type sharedWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
