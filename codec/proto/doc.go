// Package proto is the codec of the protobuf schema in meshpb/mesh.proto, which
// describes every field. Payloads travel as bytes: a JSON text and attachments,
// exactly as they are (see [core.Payload]).
//
// # Between schema and message
//
// The codec writes and reads the wire format itself, with the functions of
// google.golang.org/protobuf/encoding/protowire, straight from and to a
// [core.Message]: by way of the generated code a message takes about four times
// as long to write, and memory for a second form of it. The generated package
// meshpb is for programs that are no node; the tests hold the two against each
// other.
//
// Append writes fields in the order of their numbers, and leaves out what is not
// set. Strings are UTF-8; what is not becomes U+FFFD. It trusts the texts it is
// given, beyond what tells an event.
//
// Decode takes fields in any order, and of a field that comes twice the last one,
// or both together where protobuf merges them. Fields that it does not know, or
// that have another wire type than the schema's, are skipped and forgotten. It
// refuses strings that are not UTF-8, and checks that texts are JSON in UTF-8 and
// that their placeholders are in range.
//
// # Limits
//
// Lists have no limit of their own: an element takes two bytes of the frame at
// least, a socket five, and no count or length is believed before the bytes are
// there, so memory is bounded by the frame's size. Beyond that:
//
//   - a timeout is at most 2^63-1 ns, in whole milliseconds, and longer ones are
//     cut to it;
//   - a count is at most what an int holds, and larger ones are refused;
//   - a kind is at most 255, and larger ones are not known;
//   - messages within messages are three levels deep, as the schema has them;
//     groups in fields that are not known may be 10,000 levels deep (protowire);
//   - JSON may be nested 10,000 levels deep.
package proto
