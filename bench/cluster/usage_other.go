//go:build !linux

package cluster

// usageOf is not known on this system.
func usageOf(map[int]bool) (Usage, bool) { return Usage{}, false }
