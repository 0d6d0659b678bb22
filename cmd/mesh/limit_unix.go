//go:build unix

package main

import "syscall"

// descriptorLimit returns how many files a process like this one may have open.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	// Go programs raise the soft limit to the hard limit themselves.
	return int(min(uint64(limit.Max), 1<<20))
}
