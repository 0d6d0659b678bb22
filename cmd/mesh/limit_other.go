//go:build !unix

package main

// descriptorLimit is how many connections a process is trusted with.
func descriptorLimit() int { return 10_000 }
