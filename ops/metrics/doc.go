// Package metrics shows a mesh to Prometheus.
//
//	mux.Handle("/metrics", metrics.Handler(m))     // with those of the Go runtime
//	registry.MustRegister(metrics.NewCollector(m)) // or in a registry of your own
//
// The names begin with socketio_mesh_. Those that the reference implementation has, too,
// mean what they mean there, with the same labels and buckets, so that dashboards and
// rules are good for both, and for a mesh of both. docs/operations.md lists them all.
//
// Everything is read from snapshots when Prometheus asks: nothing is counted twice, and
// a mesh that nobody asks does no more than without this package.
package metrics
