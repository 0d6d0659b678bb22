// Package sim simulates clusters: whole nodes in virtual time on a network in memory,
// with faults of all kinds, and checks what came of it against the promises of
// docs/reliability.md.
//
//   - plan.go: a [Plan] is what is done to a cluster and when. [Draw] draws one from a
//     seed. It can be printed, and parsed again.
//   - world.go: [Run] carries a plan out, in a bubble of testing/synctest.
//     server.go and host.go: one life of a server, and its clients.
//   - history.go: what was sent, received, reported and asked. check.go: the invariants.
//   - shrink.go: the smallest part of a plan that still fails.
//
// A seed fixes the plan: the size of the cluster, its settings, each fault and each
// message with its moment in virtual time. It does not fix in which order goroutines
// run that become ready at the same moment, nor what select chooses.
package sim
