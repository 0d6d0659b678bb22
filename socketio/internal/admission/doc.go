// Package admission is where clients wait that want to be let in while many others do.
//
// A handshake costs a hundred times what a heartbeat does. When thousands of clients come at
// once, as after another server has died, their goroutines would keep those of clients
// that are there from running: pings are late, pongs are not read, and clients are given
// up, which come back as newcomers. So a [Gate] works on as many handshakes at a time as do
// not make the process late, and lets the others wait in line.
//
// How late the process is, the gate measures while there is somebody at it: how long a
// goroutine waits for a processor. That is what a pong waits for, too. A handshake that
// waits for something else, for a database or for the client, makes nobody late, so there may
// be many of them.
package admission
