// Package wstransport is an Engine.IO transport over WebSocket that replaces the library's.
// It differs in how it sends: through a queue of a [sendqueue.Scheduler], so that a message
// for many connections is one frame that they share ([Message]), and what waits for a
// connection is written at once.
//
// It is used in two ways. The library's own engine socket gets it from a [Builder], and
// learns what happens by events. An engine socket of ours, package session, gets it from
// [New], and is called directly, as a [Receiver].
//
// The library's transport is not writable while it writes; the engine then keeps messages
// back, and a shared frame would overtake them. This one is always writable, and its queue
// keeps the order.
package wstransport
