package rooms

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// roomEvents collects the adapter's events of one operation. There are two for each room:
// the socket joined or left it, and the room was created or deleted.
type roomEvents struct {
	emitter types.EventEmitter
	names   [2]types.EventName // in the order in which they are emitted
	heard   [2]bool            // whether the event has listeners
	changes [][]change
}

func (r *Rooms) joinEvents() roomEvents  { return r.newEvents("create-room", "join-room") }
func (r *Rooms) leaveEvents() roomEvents { return r.newEvents("leave-room", "delete-room") }

func (r *Rooms) newEvents(first, second types.EventName) roomEvents {
	heard := [2]bool{r.events.ListenerCount(first) > 0, r.events.ListenerCount(second) > 0}
	return roomEvents{emitter: r.events, names: [2]types.EventName{first, second}, heard: heard}
}

// add notes changes for emit, if either event has listeners.
func (e *roomEvents) add(changes []change) {
	if e.heard[0] || e.heard[1] {
		e.changes = append(e.changes, slices.Clone(changes))
	}
}

// emit calls the listeners. No lock is held: they may join and leave rooms themselves.
// The events of two concurrent operations may come in either order.
func (e *roomEvents) emit(id socket.SocketId) {
	for _, changes := range e.changes {
		for _, c := range changes {
			e.tell(id, c)
		}
	}
}

func (e *roomEvents) tell(id socket.SocketId, c change) {
	for i, event := range e.names {
		switch {
		case !e.heard[i]:
		case event == "join-room", event == "leave-room":
			e.emitter.Emit(event, c.name, id)
		case c.edge:
			e.emitter.Emit(event, c.name)
		}
	}
}
