package core

import (
	"fmt"
	"strings"
)

// PublicationObserver is an [Observer] that wants to know to whom each message of the
// application goes. [NopObserver] is none.
type PublicationObserver interface {
	Observer
	// Published is called for each message that a namespace has published, by the goroutine
	// that published it, before Emit and the like return. It must not block, and must not
	// publish.
	Published(Publication)
}

// Publication says what has become of one message of this server on its way to the other
// servers. Servers that routing leaves out, because nobody there would get it, are not
// counted, and neither are those that are no members of the mesh any more.
type Publication struct {
	Namespace string
	Kind      Kind
	Queued    int // servers that it waits for, to be written to their links
	Held      int // servers without a link, for which it is kept: they get it if they come back in time
	Dropped   int // servers that do not get it: they are too slow, or it is volatile and they are behind or without a link
}

// CapacityError says that more waits for some servers than somebody wanted to wait with.
// errors.Is finds Cause.
type CapacityError struct {
	Full  []string // their ids, sorted
	Cause error    // the end of the context, or [ErrClosed]
}

// Error names the servers.
func (e *CapacityError) Error() string {
	shown := e.Full[:min(len(e.Full), shownPeers)]
	text := fmt.Sprintf("waiting for capacity: %v; too much waits for: %s", e.Cause, strings.Join(shown, ", "))
	if more := len(e.Full) - len(shown); more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// Unwrap returns the cause.
func (e *CapacityError) Unwrap() error { return e.Cause }
