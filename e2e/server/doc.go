// Server is a process of the end-to-end tests: a Socket.IO server in a mesh, or
// a discovery service, driven over its standard input. The Node server in
// ../node/server.js answers the same operations.
package main
