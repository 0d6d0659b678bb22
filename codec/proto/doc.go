// Package proto is the codec of the protobuf schema in meshpb/mesh.proto, which
// describes every field. Payloads are bytes: a JSON text and attachments, unchanged (see
// [core.Payload]).
//
// # Between schema and message
//
// The codec writes and reads the wire format itself, with the functions of
// google.golang.org/protobuf/encoding/protowire, directly from and to a
// [core.Message]. The generated code takes about four times as long to encode a
// message, and memory for a second form of it. The generated package meshpb is for
// other programs than nodes; the tests compare the two.
//
// Append writes fields in the order of their numbers, and leaves out those that are not
// set. Strings are UTF-8; invalid bytes become U+FFFD. It does not check the texts of
// payloads, except for the beginning of an event.
//
// Decode accepts fields in any order. Of a field that occurs twice the last one counts,
// or both are merged, as protobuf does. Unknown fields, and fields with another wire
// type than the schema's, are skipped. Strings have to be UTF-8, texts have to be JSON in
// UTF-8, and their placeholders have to be in range.
//
// # Limits
//
// The length of lists is not limited: an element takes at least two bytes of the frame, a
// socket five, and Decode allocates no memory for a count or length before it has seen
// the bytes, so the frame's size bounds the memory. The other limits:
//
//   - a timeout is at most 2^63-1 ns, in whole milliseconds, and longer ones are
//     cut to it;
//   - a count is at most what an int holds, and larger ones are refused;
//   - a kind is at most 255, and larger ones are not known;
//   - messages within messages are three levels deep, as the schema has them;
//     groups in fields that are not known may be 10,000 levels deep (protowire);
//   - JSON may be nested 10,000 levels deep.
package proto
