// Package memlimit finds out how much memory the process may use, so that defaults can be
// shares of it.
package memlimit

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// Bytes returns the smallest of the known limits: GOMEMLIMIT, that of the control group
// (of a container), and the machine's memory. It is 0 if none is known.
func Bytes() int64 {
	least := int64(math.MaxInt64)
	for _, limit := range []int64{debug.SetMemoryLimit(-1), group(), machine()} {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// group returns the limit of the control group, of either version; 0 if it has none. In a
// container, its files are at the paths that the root group has elsewhere.
func group() int64 {
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// machine returns the memory of the machine; 0 if there is no /proc.
func machine() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return total(string(text))
}

// total reads "MemTotal:  24000000 kB".
func total(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}
