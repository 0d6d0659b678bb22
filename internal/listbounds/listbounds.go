// Package listbounds bounds the lists in a message while it is being decoded: in a frame, an
// element may take one byte, and in memory a hundred and more.
package listbounds

import "fmt"

// What the lists of one message have at most, all of a kind together.
const (
	MaxSockets     = 1 << 20
	MaxRoomNames   = 1 << 22
	MaxAttachments = 1 << 20
)

// Used is what the lists of one message have had so far. The zero value is for a message
// that is about to be decoded.
type Used struct{ sockets, names, attachments int }

// Sockets takes n sockets more, or returns why they are too many.
func (u *Used) Sockets(n int) error { return take(&u.sockets, n, MaxSockets, "sockets") }

// Names takes n names of rooms more: of the target, the message or its sockets.
func (u *Used) Names(n int) error { return take(&u.names, n, MaxRoomNames, "names of rooms") }

// Attachments takes n attachments more, of any payload.
func (u *Used) Attachments(n int) error {
	return take(&u.attachments, n, MaxAttachments, "attachments")
}

func take(used *int, n, most int, what string) error {
	if n > most-*used {
		return fmt.Errorf("more than %d %s in one message", most, what)
	}
	*used += n
	return nil
}
