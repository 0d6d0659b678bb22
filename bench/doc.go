// Package bench measures clusters of Socket.IO servers: it starts servers and clients, each
// in separate processes, conducts a run and collects the results. `mesh bench` is its
// command line.
package bench
