// Package json is the codec that Go nodes use with each other by default: a readable
// header, and payloads byte for byte.
//
// # Layout
//
// A message is one JSON object on one line, the header, followed by the bytes of all
// payloads, one after the other, neither escaped nor separated:
//
//	{"kind":3,"from":"746b5745bee1accf","nsp":"/","to":{"rooms":["r1"]},"payload":[54,2]}
//	["hello",{"n":1,"file":{"_placeholder":true,"num":0}}]··
//
// The header announces a payload by a list of lengths in bytes: that of its text, then
// one for each of its attachments (see [core.Payload]). The payloads follow in the order
// in which the header announces them, and nothing follows the last one.
//
// # Header
//
// Members, in the order in which they are written; all but the first three are omitted if
// they are not set:
//
//	kind       integer, a core.Kind
//	from       string, id of the sender
//	nsp        string, the namespace
//	id         string, the request id
//	trace      string, for tracing a request from server to server
//	to         object: rooms and except, arrays of strings; volatile, compress and
//	           single (one answer is expected), booleans; timeout, milliseconds
//	rooms      array of strings; always present in sockets-join and sockets-leave
//	close      boolean
//	brief      boolean
//	count      integer
//	payload    lengths
//	sockets    array of objects: id, string; rooms, array of strings; address (the
//	           client's, with its port), string; handshake and data, lengths
//
// Decode accepts members in any order, ignores unknown ones, and takes null for "not
// set". Strings are UTF-8; invalid bytes become U+FFFD.
//
// Append does not check the texts of payloads, except for the beginning of an event;
// Decode checks that they are JSON in UTF-8 and that their placeholders are in range.
package json
