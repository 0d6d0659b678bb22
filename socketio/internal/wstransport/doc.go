// Package wstransport is an Engine.IO transport over WebSocket that takes the
// place of the library's. It differs in how it sends: through a queue of a
// [sendqueue.Scheduler], so that a message for many connections is one frame that they
// share ([Message]), and what waits for a connection is written at once.
//
// It is used in two ways. The library's own engine socket gets it through a
// [Builder], and is told what happens by events. An engine socket of ours gets
// it from [New], and is told directly, as a [Receiver].
//
// The library's transport reports itself busy while it writes; the engine then
// keeps messages back, and a shared frame would overtake them. This one always
// takes them, and its queue keeps the order.
package wstransport
