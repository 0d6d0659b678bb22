// Package admission limits how many clients connect at a time, so that many newcomers do
// not delay the process; the others wait for their turn.
//
// A handshake costs a hundred times what a heartbeat does. When thousands of clients
// connect at once, as after another server has died, their goroutines would compete with
// those of connected clients: pings are sent late, pongs are not read, connected clients
// are disconnected, and come back as newcomers. So a [Gate] runs as many handshakes at a
// time as do not make the process late, and the other clients wait in line.
//
// While a client is at the gate, the gate measures how late the process is: how long a
// goroutine waits for a processor, as the goroutine that reads a pong does. A handshake
// that waits for something else, for a database or for the client, delays no goroutine, so
// there may be many of them.
package admission
