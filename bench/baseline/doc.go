// Package baseline is the server that benchmarks are held against: bare gorilla
// WebSockets with a queue for each connection, whose waiting messages go out in
// one write. It speaks as much of Engine.IO and Socket.IO as the benchmark's
// clients do over WebSockets, and nothing else: what a full server costs more is
// the price of what it can do more.
package baseline
