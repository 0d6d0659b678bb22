// Package siotest helps tests of several packages with Socket.IO: a socket with a client,
// and handshakes as browsers make them.
package siotest
