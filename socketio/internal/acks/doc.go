// Package acks implements broadcasts with acknowledgements on both ends: on the server that
// emits, [Broadcast] passes the answers of all servers to the library's operator, with a
// [ServerCount] that fits; on each server, [LocalRequests] waits for the answers of its own
// clients.
package acks
