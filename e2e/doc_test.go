// Package e2e tests the mesh from outside: server processes, the socket.io-client
// of npm, sockets, signals. ./server is the Go server, ./node a Node server that
// speaks the reference's wire; both are driven over their standard input, in one
// protocol.
package e2e
