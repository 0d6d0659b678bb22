// Package link measures links between servers: two nodes without a Socket.IO server,
// compared with simpler connections over the same loopback network. The sender is one
// process, the receiver another one.
package link
