package procs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Stopped tells whether all threads of a process are stopped, where the system says
// so.
func Stopped(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		return true
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		// pid (name) state …; the name may contain anything.
		if end := bytes.LastIndex(stat, []byte(") ")); err != nil || end < 0 || stat[end+2] != 'T' {
			return false
		}
	}
	return true
}
