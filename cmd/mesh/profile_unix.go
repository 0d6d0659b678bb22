//go:build unix

package main

import (
	"os"
	"syscall"
)

// heapSignal requests a heap profile from a [profiler].
var heapSignal os.Signal = syscall.SIGUSR1
