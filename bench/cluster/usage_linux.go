package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc, which is the same on every Linux that Go
// runs on.
const tick = 10 * time.Millisecond

// usageOf returns the sum of what process groups have used.
func usageOf(groups map[int]bool) (Usage, bool) {
	var all Usage
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return all, false
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		group, usage, err := parseStat(string(text), os.Getpagesize())
		if err == nil && groups[group] {
			all.CPU += usage.CPU
			all.Resident += usage.Resident
		}
	}
	return all, true
}

// parseStat reads /proc/PID/stat.
func parseStat(text string, pageSize int) (group int, u Usage, err error) {
	// The name of the program is in parentheses, and may contain anything.
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return 0, u, fmt.Errorf("stat %q has no name", text)
	}
	const ( // indexes of fields behind the name
		groupAt, userAt, systemAt, residentAt = 2, 11, 12, 21
	)
	fields := strings.Fields(text[end+1:])
	if len(fields) <= residentAt {
		return 0, u, fmt.Errorf("stat %q is short", text)
	}
	var n [4]int64
	for i, at := range []int{groupAt, userAt, systemAt, residentAt} {
		if n[i], err = strconv.ParseInt(fields[at], 10, 64); err != nil {
			return 0, u, fmt.Errorf("stat: %w", err)
		}
	}
	return int(n[0]), Usage{CPU: time.Duration(n[1]+n[2]) * tick, Resident: n[3] * int64(pageSize)}, nil
}
