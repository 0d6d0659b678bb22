package core

// Payload is a value on its way to a client or a server, in the form Socket.IO
// gives it: a JSON text, and the binary values that were in it.
//
// Each binary value is replaced in Text by a placeholder object,
// {"_placeholder":true,"num":i}, and stands at Attachments[i], as in the binary
// packets of the Socket.IO protocol (revision 5). With no attachments, Text is
// plain JSON in which such an object means itself.
//
// The zero Payload is "no value" (JavaScript's undefined; null where a value is
// due). A Payload is immutable: once it was handed to anyone, nobody writes to
// its slices, so it is shared freely between goroutines, peers and sockets.
type Payload struct {
	Text        []byte
	Attachments [][]byte
}

// IsZero tells whether p is no value at all.
func (p Payload) IsZero() bool { return len(p.Text) == 0 }

// Size is the number of bytes p holds, text and attachments together.
func (p Payload) Size() int {
	size := len(p.Text)
	for _, a := range p.Attachments {
		size += len(a)
	}
	return size
}
