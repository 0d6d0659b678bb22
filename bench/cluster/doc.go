// Package cluster starts the servers that are measured, each in a separate process: ours,
// which are this program in another role, and those of others, which are in the folder
// bench of a checkout. A server is any program that prints a line "listening URL" once it
// can be used, answers the events of package load, and ends when its standard input ends.
package cluster
