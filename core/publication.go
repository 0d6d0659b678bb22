package core

import (
	"fmt"
	"strings"
)

// PublicationObserver is an optional interface of an [Observer]: it is called for each
// message of the application, with the number of servers to which it goes. [NopObserver]
// does not implement it.
type PublicationObserver interface {
	Observer
	// Published is called for each message that a namespace has published, by the goroutine
	// that published it, before Emit and the like return. It must not block, and must not
	// publish.
	Published(Publication)
}

// Publication says what has become of one message of this server on its way to the other
// servers. It does not count servers that routing leaves out because no socket there is
// in the message's rooms, nor servers that are not in the mesh any more.
type Publication struct {
	Namespace string
	Kind      Kind
	Queued    int // servers with a link, in whose queue it is
	Held      int // servers without a link, for which it is kept: they get it if they come back in time
	Dropped   int // servers that do not get it: they are too slow, or it is volatile and they are behind or have no link
}

// CapacityError is the error of waiting for capacity: it names the servers whose queues
// are still too full. errors.Is finds Cause.
type CapacityError struct {
	Full  []string // ids of these servers, sorted
	Cause error    // the cause of the context's end, or [ErrClosed]
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
