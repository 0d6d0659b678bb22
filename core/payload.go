package core

// Payload is a value on its way to a client or a server, in the form of the Socket.IO
// protocol: a JSON text, and the binary values that it refers to.
//
// Each binary value is replaced in Text by a placeholder object,
// {"_placeholder":true,"num":i}, and is Attachments[i], as in the binary packets of the
// Socket.IO protocol (revision 5). Without attachments, Text is plain JSON, and such an
// object in it has no special meaning.
//
// The zero Payload is "no value" (JavaScript's undefined; null where a value is
// required). A Payload is immutable: once it was passed on, its slices must not be
// written to, because goroutines, peers and sockets share it.
type Payload struct {
	Text        []byte
	Attachments [][]byte
}

// IsZero reports whether p is "no value".
func (p Payload) IsZero() bool { return len(p.Text) == 0 }

// Size returns the number of bytes in p, text and attachments together.
func (p Payload) Size() int {
	size := len(p.Text)
	for _, a := range p.Attachments {
		size += len(a)
	}
	return size
}
