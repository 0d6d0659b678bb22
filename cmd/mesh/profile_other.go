//go:build !unix

package main

import "os"

// heapSignal is nil: this system has no such signal.
var heapSignal os.Signal
