//go:build !unix

package load

import "time"

// processCPU is 0: it is not known on this system.
func processCPU() time.Duration { return 0 }
