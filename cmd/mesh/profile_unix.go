//go:build unix

package main

import (
	"os"
	"syscall"
)

// heapSignal asks a [profiler] for a profile of the heap.
var heapSignal os.Signal = syscall.SIGUSR1
