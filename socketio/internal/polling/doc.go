// Package polling is an Engine.IO transport over HTTP long-polling that replaces the
// library's. What is on the wire is the same; the difference is how a poll, the request in
// which a client waits for packets, gets its answer.
//
// The library answers a poll from a queue, some time after the engine socket sends. In
// between, a client that is disconnected gets its last packets and the end of its
// connection in one answer, and reports two reasons; a server that closes discards the
// queue, and the polls stay open; a poll that arrives right behind the last answer is
// forgotten. Here a poll gets its answer when the engine socket sends, and the goroutine
// that net/http runs for the request writes it.
//
// # What a Transport does
//
//   - [Transport.OnRequest] handles a request. A poll waits there for its answer; only
//     the first one, with which a client begins, returns at once, because the engine
//     makes its socket after that.
//   - [Transport.Send] takes the open poll and encodes the packets for it. The
//     transport is writable from one poll to the next Send.
//   - [Transport.Close] answers the open poll with CLOSE. If there is none, and the
//     engine socket has passed a callback, it waits for the next one, as Node's server does:
//     the client still has to get what was sent before.
//
// Everything else is done by the library's transport inside: its events and options, the
// compression of an answer, and what JSONP wraps around it. It is used through the
// library's public interface only, so its version does not matter.
package polling
