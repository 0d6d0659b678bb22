package cluster

import (
	"time"

	"github.com/socketmesh/mesh/bench/server"
)

// Usage is what processes have used so far.
type Usage struct {
	CPU      time.Duration
	Resident int64 // bytes
}

// Since returns the difference to an earlier moment; the memory may have shrunk.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{u.CPU - earlier.CPU, u.Resident - earlier.Resident}
}

// Sample is the usage of a cluster's processes up to a moment.
type Sample struct {
	Servers Usage
	Broker  Usage          // zero without one
	Known   bool           // whether this system reports usage
	Mesh    server.Traffic // of our servers, if all of them report it
}

// Since returns the difference to an earlier moment.
func (s Sample) Since(earlier Sample) Sample {
	return Sample{
		Servers: s.Servers.Since(earlier.Servers),
		Broker:  s.Broker.Since(earlier.Broker),
		Known:   s.Known && earlier.Known,
		Mesh:    server.Traffic{Messages: s.Mesh.Messages - earlier.Mesh.Messages, Bytes: s.Mesh.Bytes - earlier.Mesh.Bytes},
	}
}
