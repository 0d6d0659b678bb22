//go:build !unix

package main

import "os"

// heapSignal: there is none.
var heapSignal os.Signal
