// Package sendqueue sends frames to many connections, most frames to several of them.
//
// A [Frame] is made once and shared. Each connection has a [Queue] of pointers to frames
// that wait, bounded in bytes. Queues with something to send stand in line at the
// [Scheduler]. Its few writers take one queue after the other, copy what waits (up to 64
// KiB) into one buffer, and write that without blocking. So a frame that comes while others
// wait costs one pointer, and putting a frame into a queue never blocks.
//
// A connection that does not take everything, or whose writes may block (TLS), gets its own
// goroutine until its queue is empty; each of its writes has a deadline. Writers run only
// as long as there is something to write.
package sendqueue
