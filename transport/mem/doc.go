// Package mem is a transport inside one process: pipes between named hosts, with faults
// on demand. It serves tests, simulations and demonstrations.
//
// A [Network] simulates the network and the operating systems. It has hosts, each with a
// [core.Transport], and methods that partition, delay, cut and hang them. Addresses are
// names: "mem://a", or just "a".
//
// It starts no goroutines, and everything that blocks does so durably in the sense of
// testing/synctest: a cluster on this transport can run in a bubble, in virtual time.
package mem
