// Package ops shows a running mesh to operators: one [Handler] for each node, and a
// [DiscoveryHandler] for each discovery service, serve health checks, metrics, the state
// of the whole cluster as JSON, and a few actions.
//
//	GET  /healthz              the process answers
//	GET  /readyz               it can take clients; else 503, with the checks that fail
//	GET  /metrics              served by [Options].Metrics
//	GET  /api/v1/node          this node, or ?node=ID
//	GET  /api/v1/cluster       all nodes, as they see each other, and what is wrong
//	GET  /api/v1/rooms         rooms of all nodes: by size, or paged by name
//	GET  /api/v1/sockets       sockets of all nodes, paged
//	GET  /api/v1/explain       where an event for a room would go, why, and what it would cost
//	GET  /api/v1/trace         messages as they pass, of all nodes, as a stream of lines
//	GET  /api/v1/watch         reports of all nodes, as a stream of lines: what the page reads
//	GET  /admin                the page for browsers
//	POST /api/v1/emit          an event for clients, if [Options].Writable
//	POST /api/v1/drain         one node sends its clients elsewhere, if [Options].Writable
//	GET  /debug/pprof/         profiles, if [Options].Pprof
//
// Any node answers for all: it asks the others over the links of the mesh, and names those
// that have not answered. Nodes of the reference implementation are not asked.
//
// docs/operations.md has examples of all answers.
package ops
