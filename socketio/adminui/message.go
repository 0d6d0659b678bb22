package adminui

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// wireEvent is the server-side event with which servers send messages.
const wireEvent = "mesh:adminui"

// maxMessage limits the length of a message. Those of this package are much shorter.
const maxMessage = 16 << 20

// Kinds of messages.
const (
	kindHello    = "hello"    // this server is instrumented
	kindWatch    = "watch"    // this server has pages, or none any more
	kindStats    = "stats"    // server_stats, for pages
	kindEvents   = "events"   // events for pages
	kindSnapshot = "snapshot" // as a request: asks for the receiver's sockets
	kindCommand  = "command"  // a page's command, for servers that have the namespace, when the sender does not
)

// message is sent by one server to the others, or as an answer to one of them.
type message struct {
	Kind   string `json:"kind"`
	Server string `json:"server"` // the sender's id in the mesh
	From   string `json:"from"`   // identifies the sender's UI; a new one after a restart

	Ask   bool `json:"ask,omitempty"`   // hello: asks all to say hello, too
	Pages int  `json:"pages,omitempty"` // watch: the number of pages

	Seq     uint64            `json:"seq,omitempty"`     // events: the number of the batch; answer to snapshot: the last batch that it contains
	Lost    bool              `json:"lost,omitempty"`    // events: some were left out
	Events  []event           `json:"events,omitempty"`  // events, stats
	Sockets []json.RawMessage `json:"sockets,omitempty"` // an answer to snapshot
	Command *command          `json:"command,omitempty"` // command
}

// event is an event for pages: its name, and a JSON list of arguments.
type event struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// pageEvents are the events that servers pass on to pages.
var pageEvents = []string{
	"server_stats", "socket_connected", "socket_updated", "socket_disconnected",
	"room_joined", "room_left", "event_received", "event_sent",
}

func newEvent(name string, args ...json.RawMessage) event { return event{name, list(args...)} }

// traffic reports whether an event is one that a client sent or received: such events may
// be left out.
func (e event) traffic() bool { return e.Name == "event_received" || e.Name == "event_sent" }

// payload returns the event as it is sent to clients.
func (e event) payload() core.Payload {
	if string(e.Args) == "[]" {
		return core.Payload{Text: list(quoted(e.Name))}
	}
	text := append(make([]byte, 0, len(e.Name)+len(e.Args)+4), '[', '"')
	text = append(text, e.Name...)
	text = append(text, '"', ',')
	return core.Payload{Text: append(text, e.Args[1:]...)}
}

// sent returns the server-side event with the message, as a JSON text inside a string,
// which readMessage decodes into the right types.
func (m message) sent() core.Payload {
	return core.Payload{Text: list(quoted(wireEvent), quoted(m.text()))}
}

func (m message) text() string { return string(encoded(m)) }

var errBadMessage = errors.New("not a message of the admin UI")

// readMessage decodes what another server has sent. That server is trusted as a member of
// the mesh, but may send something else.
func readMessage(value any) (message, error) {
	text, ok := value.(string)
	if !ok || len(text) > maxMessage {
		return message{}, errBadMessage
	}
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return message{}, err
	}
	for _, e := range m.Events {
		if !slices.Contains(pageEvents, e.Name) || len(e.Args) < 2 || e.Args[0] != '[' || e.Args[1] <= ' ' {
			return message{}, errBadMessage
		}
	}
	if m.Server == "" || m.From == "" {
		return message{}, errBadMessage
	}
	return m, nil
}
