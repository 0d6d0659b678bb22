// Package listbounds limits the lists in a message while it is being decoded: an element
// may take one byte in a frame, and a hundred or more in memory.
package listbounds

import "fmt"

// The maximum number of elements in the lists of one message, counted together for each
// sort of list.
const (
	MaxSockets     = 1 << 20
	MaxRoomNames   = 1 << 22
	MaxAttachments = 1 << 20
)

// Used counts the elements of one message's lists so far. The zero value is for a message
// that is about to be decoded.
type Used struct{ sockets, names, attachments int }

// Sockets counts n further sockets, or returns an error if they are too many.
func (u *Used) Sockets(n int) error { return take(&u.sockets, n, MaxSockets, "sockets") }

// Names counts n further names of rooms: of the target, the message or its sockets.
func (u *Used) Names(n int) error { return take(&u.names, n, MaxRoomNames, "names of rooms") }

// Attachments counts n further attachments of any payload.
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
