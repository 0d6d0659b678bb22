// Package sendqueue sends frames to many connections, most of them the same ones.
//
// A [Frame] is made once and shared. Each connection has a [Queue]: a queue of
// pointers to frames that wait, bounded in bytes. Boxes with something to send
// stand in line at the [Scheduler], whose few writers take one after the other, copy
// all that waits (up to 64 KiB) into one buffer, and write that in one go without
// blocking. So a frame that comes while others wait costs a pointer, and nobody
// who puts frames into a queue is ever held up.
//
// A connection that does not take everything, or whose writes may block (TLS),
// gets a goroutine of its own until its queue is empty; each of its writes has a
// deadline. Writers live as long as there is something to write.
package sendqueue
