//go:build !linux

package load

import "time"

// machineTime reads a clock that all processes of the machine share, in nanoseconds.
func machineTime() int64 { return time.Now().UnixNano() }
