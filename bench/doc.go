// Package bench measures clusters of Socket.IO servers: it starts the servers
// and the clients, each in processes of their own, conducts a run and counts
// what comes of it. `mesh bench` is its command line.
package bench
