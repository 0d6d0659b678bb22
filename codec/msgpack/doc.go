// Package msgpack is the codec of the reference implementation: the MESH payload
// of socket.io-mesh-adapter 2 (docs/reference-protocol.md, sections 5 and 7), without the kind
// byte in front, which belongs to the link. Reference peers speak no other codec. Where
// the format leaves no choice, the encoder writes the same bytes as the reference.
//
// It cannot encode what the reference does not support: Append returns
// [core.ErrUnsupported] for kinds above [core.KindAdapterClose], and leaves Message.Brief
// and Message.Trace out.
//
// # Values
//
// A payload is converted from JSON text with attachments to MessagePack with the bytes in
// place, and back, token by token; members keep their order.
//
// From JSON:
//
//   - Numbers are those that JavaScript would read: an integer form within ±(2^53-1),
//     also for 1.0, 1e3 and -0; float64 otherwise.
//   - Half surrogate pairs and invalid UTF-8 become U+FFFD.
//   - Members named __proto__ are omitted: the reference drops a frame that
//     has one.
//   - "No value" is nil; in a socket's handshake and data it is {}.
//
// From MessagePack:
//
//   - Numbers are printed as JavaScript prints them; those wider than 2^53 are
//     rounded to a float64; NaN and infinities are null.
//   - A timestamp is its ISO text ("2023-11-14T22:13:20.123Z"), or null beyond
//     the range of JavaScript's Date; any other extension is
//     {"type":n,"data":bytes}.
//   - Keys that are numbers are printed, too. Other keys are errors.
//   - nil is null, and so are an acknowledgement and an answer without a value.
//     A socket's missing handshake or data is {}.
//   - In a payload with binary values, an object whose member _placeholder is true
//     would look like one of Socket.IO's own placeholders: that member is omitted.
//     In a payload without binary values it is kept.
//
// Decode accepts arrays and maps that are nested up to 10,000 deep. Append accepts 1,000:
// deeper values could overflow the stack of a reference process.
//
// # Leniency
//
// Members may come in any order, unknown ones are ignored, and missing parts of opts
// count as not set. Flags of another type than the reference's are ignored. Rooms that
// are numbers, which Node allows, become their decimal text. Timeouts are whole
// milliseconds, rounded up, at most 2^31-1: the longest delay of JavaScript's timers.
package msgpack
