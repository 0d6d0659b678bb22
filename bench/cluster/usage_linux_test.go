package cluster

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const text = "42 (a (strange) name) S 1 40 40 0 -1 4194560 10 20 0 0 130 27 5 6 20 0 8 0 1000 2000000 500 18446744073709551615 1 1\n"
	group, usage, err := parseStat(text, 4096)
	if want := (Usage{CPU: 1570 * time.Millisecond, Resident: 500 * 4096}); group != 40 || usage != want || err != nil {
		t.Errorf("group %d, %+v, %v; want 40, %+v", group, usage, err, want)
	}
	for _, bad := range []string{"", "42", "42 (name) S 1 40", "42 (name) S 1 x 40 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"} {
		if _, _, err := parseStat(bad, 4096); err == nil {
			t.Errorf("%q is a stat", bad)
		}
	}
}

// TestUsageOf finds this process, and no other one.
func TestUsageOf(t *testing.T) {
	group := syscall.Getpgrp()
	usage, known := usageOf(map[int]bool{group: true})
	if !known || usage.Resident < int64(os.Getpagesize()) {
		t.Errorf("%+v, known %v", usage, known)
	}
	if nobody, known := usageOf(map[int]bool{}); !known || nobody != (Usage{}) {
		t.Errorf("%+v of no process, known %v", nobody, known)
	}
}
