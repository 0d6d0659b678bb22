// Package link measures the links between servers by themselves: two nodes
// without a Socket.IO server, against what can be had over the same loopback
// network with less. The sender is one process, the receiver another one.
package link
