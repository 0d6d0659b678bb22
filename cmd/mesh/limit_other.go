//go:build !unix

package main

// descriptorLimit is a guess: how many connections a process may have.
func descriptorLimit() int { return 10_000 }
