package bench

import "runtime"

// Machine describes the machine of the measurement.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memory,omitempty"` // bytes, if the system reports it
	Go     string `json:"go"`
}

func thisMachine() Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Memory: machineMemory(), Go: runtime.Version()}
}
