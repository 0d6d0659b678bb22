//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// usage is what a process takes, and what it has.
type usage struct {
	Goroutines, Heap  int
	Descriptors, RSS  int // of the process, as the system says
	Clients           int
	Namespaces, Peers int
	Asked, Expired    int // requests that have ended, and those that expired
	ProcessorTicks    int // time of processors, in hundredths of a second
}

// phase is a part of a run.
type phase string

const (
	warmup phase = "warmup"
	churn  phase = "churn"
	// rest is when all clients have gone.
	rest phase = "rest"
)

// sample is what one process took at one time.
type sample struct {
	at      time.Duration // since the beginning
	phase   phase
	process string
	usage
}

// header names the columns of the file with samples, as tools/plot reads them.
const header = "seconds,phase,process,goroutines,descriptors,heap,rss,clients,namespaces,peers,cpu_seconds\n"

func (s sample) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%.1f,%s,%s,%d,%d,%d,%d,%d,%d,%d,%.2f\n", s.at.Seconds(), s.phase, s.process,
		s.Goroutines, s.Descriptors, s.Heap, s.RSS, s.Clients, s.Namespaces, s.Peers, float64(s.ProcessorTicks)/100)
	return err
}

// measure asks a process, and the system about it.
func measure(p *procs.Process) (u usage, err error) {
	result, err := p.Ask("sample", nil)
	if err != nil {
		return u, err
	}
	if err := json.Unmarshal(result, &u); err != nil {
		return u, err
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	if err != nil {
		return u, err
	}
	u.Descriptors = len(entries)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			u.RSS = kilobytes << 10
		}
	}
	u.ProcessorTicks, err = processorTime(p.Pid())
	return u, err
}

// processorTime is what a process has used, in ticks of the clock: hundredths of a second
// on every Linux that Go runs on.
func processorTime(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	text := string(stat)
	var user, system int
	// pid (name) state …; the name may contain anything. utime and stime are the 14th
	// and 15th of all.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return user + system, nil
}
