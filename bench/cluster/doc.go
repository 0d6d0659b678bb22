// Package cluster starts the servers that benchmarks run against, each in a
// process of its own: ours, which are the running program itself, and those of
// others that lie in the folder bench of a checkout. A server is any program
// that prints a line "listening URL" once it can be used, answers the events of
// package load, and ends when its standard input does.
package cluster
