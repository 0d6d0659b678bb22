// Package acks does what broadcasts with acknowledgements need on both ends: on the server
// that emits, [Broadcast] hands the answers of all servers to the library's operator, with
// a [ServerCount] that fits; on each server, [LocalRequests] waits for the answers of its
// own clients.
package acks
