// Package mem is a transport inside one process: pipes between named hosts, with
// faults on demand. It serves tests, simulations and demonstrations.
//
// A [Network] stands for the wires and the operating systems: it has hosts, each
// host gets a [core.Transport], and its methods partition, delay, cut and hang
// them. Addresses are names: "mem://a", or just "a".
//
// Nothing here is a goroutine, and everything that blocks does so durably in the
// sense of testing/synctest: a cluster on this transport runs in a bubble, in
// virtual time.
package mem
