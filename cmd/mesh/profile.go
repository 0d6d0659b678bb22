package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
)

// profiler writes profiles of this process into a folder: of the CPU, from start to stop,
// and of the heap, at the end and at each signal. File names contain the process's id, so
// that processes can share the folder.
type profiler struct {
	folder  string
	cpu     *os.File
	heaps   int // number of heap profiles written
	signals chan os.Signal
	work    sync.WaitGroup
}

// profiled declares the flag for profiles, and returns run with profiling.
func profiled(f *flags, run action) action {
	folder := f.text("profile", "", "folder to write profiles of CPU and heap into; none if empty", "MESH_BENCH_PROFILE")
	return func(ctx context.Context, out, errOut io.Writer) error {
		profile, err := startProfiler(*folder)
		if err != nil {
			return err
		}
		return errors.Join(run(ctx, out, errOut), profile.stop())
	}
}

// startProfiler starts a profiler, nil if folder is empty.
func startProfiler(folder string) (*profiler, error) {
	if folder == "" {
		return nil, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := &profiler{folder: folder, signals: make(chan os.Signal, 1)}
	var err error
	if p.cpu, err = p.create("cpu"); err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(p.cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), p.cpu.Close())
	}
	if heapSignal != nil {
		signal.Notify(p.signals, heapSignal)
	}
	p.work.Go(p.attend)
	return p, nil
}

// attend writes a heap profile for each signal.
func (p *profiler) attend() {
	for range p.signals {
		if err := p.writeHeap(); err != nil {
			fmt.Fprintf(os.Stderr, "mesh: %v\n", err)
		}
	}
}

// stop writes the remaining profiles. It may be called on nil.
func (p *profiler) stop() error {
	if p == nil {
		return nil
	}
	signal.Stop(p.signals)
	close(p.signals)
	p.work.Wait()
	pprof.StopCPUProfile()
	return errors.Join(p.cpu.Close(), p.writeHeap())
}

// writeHeap collects garbage, and writes a profile of what is in use.
func (p *profiler) writeHeap() (err error) {
	p.heaps++
	file, err := p.create(fmt.Sprintf("heap%d", p.heaps))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	runtime.GC()
	return pprof.WriteHeapProfile(file)
}

func (p *profiler) create(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(p.folder, fmt.Sprintf("%s-%d.pprof", name, os.Getpid())))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return file, nil
}
