// Package siotest has what the tests of several packages need of a Socket.IO server: a
// socket with a client, and handshakes as browsers make them.
package siotest
