//go:build !linux

package bench

func machineMemory() int64 { return 0 }
