// Package sim simulates clusters: whole nodes in virtual time on a network in memory,
// with faults of all kinds, and checks the results against the promises of
// docs/reliability.md.
//
//   - plan.go: a [Plan] is a list of events, faults and messages, with their times. [Draw]
//     draws one from a seed. It can be printed, and parsed again.
//   - world.go: [Run] executes a plan, in a bubble of testing/synctest.
//     server.go and host.go: one life of a server, and its clients.
//   - history.go: what was sent, received, reported and asked. check.go: the invariants.
//   - shrink.go: the smallest part of a plan that still fails.
//
// A seed determines the plan: the size of the cluster, its settings, each fault and each
// message with its time in virtual time. It does not determine the order of goroutines
// that become ready at the same time, nor the choices of select.
package sim
