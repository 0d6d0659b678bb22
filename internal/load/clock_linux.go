package load

import "golang.org/x/sys/unix"

// machineTime reads a clock that all processes of the machine share, in nanoseconds, and
// that cannot be set.
func machineTime() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // the kernel always has this clock
	}
	return now.Nano()
}
