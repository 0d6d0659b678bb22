// Package metrics shows a mesh to Prometheus.
//
//	mux.Handle("/metrics", metrics.Handler(m))     // with those of the Go runtime
//	registry.MustRegister(metrics.NewCollector(m)) // or in a registry of your own
//
// The names begin with socketio_mesh_. Metrics that the reference implementation has, too,
// have the same meaning, labels and buckets as there, so that dashboards and rules work for
// both, and for a mesh of both. docs/operations.md lists them all.
//
// Everything is read from snapshots when Prometheus scrapes: nothing is counted twice, and
// without scrapes the package costs nothing.
package metrics
