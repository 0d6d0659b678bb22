package adminui

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// followed is a socket of this server that pages see. live.mu guards the fields that
// change.
type followed struct {
	sock     *socket.Socket
	key      socketKey
	about    description // its description without rooms
	rooms    []string
	changed  map[string]bool // rooms joined or left while its rooms are being looked up; nil afterwards
	received types.EventListener
	sent     types.EventListener
	left     types.EventListener
}

// announced reports whether pages know the socket.
func (f *followed) announced() bool { return f.changed == nil }

// describe describes the socket for pages.
func (f *followed) describe() description {
	d := f.about
	d.Rooms = slices.Clone(f.rooms)
	return d
}

// discovery says how a socket came to be followed.
type discovery int

const (
	silently  discovery = iota // the next snapshot will contain it
	found                      // it was connected before
	connected                  // it has just connected
)

// follow watches a socket. It returns false if the limit of followed sockets is reached.
func (l *live) follow(s *socket.Socket, how discovery) bool {
	f := &followed{sock: s, key: socketKey{s.Nsp().Name(), s.Id()}, changed: map[string]bool{}}
	l.mu.Lock()
	if !l.active || len(l.sockets) >= l.limit {
		l.mu.Unlock()
		return false
	}
	if l.sockets[f.key] != nil {
		l.mu.Unlock()
		return true
	}
	l.sockets[f.key] = f
	l.mu.Unlock()

	l.listen(f)
	about, rooms := describe(s, l.o.ShowData), roomNames(s.Rooms())
	l.mu.Lock()
	l.introduce(f, about, rooms, how)
	l.mu.Unlock()
	if !s.Connected() { // it may have disconnected before it had a listener
		l.gone(f, "")
	}
	return true
}

// listen adds the listeners of a socket. Its listeners of all incoming and outgoing events
// switch off the fast path for the socket.
func (l *live) listen(f *followed) {
	f.left = func(args ...any) {
		reason, _ := first(args).(string)
		l.gone(f, reason)
	}
	_ = f.sock.On("disconnect", f.left)
	if f.key.namespace == l.o.Namespace {
		return
	}
	f.received = func(args ...any) { l.passed(f, "event_received", args) }
	f.sent = func(args ...any) { l.passed(f, "event_sent", args) }
	f.sock.OnAny(f.received)
	f.sock.OnAnyOutgoing(f.sent)
}

// release removes the listeners. The library identifies a listener by the address of its
// code, which no listener of the application shares.
func (f *followed) release() {
	f.sock.RemoveListener("disconnect", f.left)
	if f.received != nil {
		f.sock.OffAny(f.received)
		f.sock.OffAnyOutgoing(f.sent)
	}
}

// introduce announces a socket whose rooms have been looked up; l.mu is held. rooms may or
// may not include the rooms that it joined or left meanwhile.
func (l *live) introduce(f *followed, about description, rooms []string, how discovery) {
	if l.sockets[f.key] != f {
		return // it has left
	}
	f.about = about
	for _, room := range rooms {
		if joined, changed := f.changed[room]; joined || !changed {
			f.enter(room)
		}
	}
	for room, joined := range f.changed {
		if joined {
			f.enter(room)
		}
	}
	f.changed = nil
	at := moment(time.Now())
	switch how {
	case silently:
		return
	case connected:
		for _, room := range f.rooms {
			l.change("room_joined", quoted(f.key.namespace), quoted(room), quoted(string(f.key.id)), at)
		}
	case found:
		at = moment(time.UnixMilli(about.Handshake.Issued))
	}
	l.change("socket_connected", encoded(f.describe()), at)
}

// enter adds a room, and reports whether pages must learn of it.
func (f *followed) enter(room string) bool {
	if len(f.rooms) >= maxRooms || len(room) > maxRoomName || slices.Contains(f.rooms, room) {
		return false
	}
	f.rooms = append(f.rooms, room)
	return true
}

// gone is called when a socket has disconnected, at least once.
func (l *live) gone(f *followed, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[f.key] != f {
		return
	}
	delete(l.sockets, f.key)
	if !f.announced() {
		return
	}
	at := moment(time.Now())
	l.change("socket_disconnected", quoted(f.key.namespace), quoted(string(f.key.id)), quoted(clipped(reason)), at)
	for _, room := range f.rooms {
		l.change("room_left", quoted(f.key.namespace), quoted(room), quoted(string(f.key.id)), at)
	}
}

// moved is called when a socket of a namespace, followed or not, joins or leaves a room.
func (l *live) moved(key socketKey, room string, joined bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.sockets[key]
	switch {
	case f == nil:
		return
	case !f.announced():
		if len(f.changed) < maxRooms {
			f.changed[room] = joined
		}
		return
	}
	name := "room_joined"
	if joined {
		if !f.enter(room) {
			return
		}
	} else {
		i := slices.Index(f.rooms, room)
		if i < 0 {
			return
		}
		f.rooms = slices.Delete(f.rooms, i, i+1)
		name = "room_left"
	}
	l.change(name, quoted(key.namespace), quoted(room), quoted(string(key.id)), moment(time.Now()))
}

// passed is called for each event that a followed socket sends or receives.
func (l *live) passed(f *followed, name string, args []any) {
	l.mu.Lock()
	ok := l.active && f.announced() && l.traffic.take(time.Now())
	l.mu.Unlock()
	if !ok {
		return
	}
	e := newEvent(name, quoted(f.key.namespace), quoted(string(f.key.id)), visibleEvent(args), moment(time.Now()))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[f.key] == f {
		l.add(e)
	}
}

// look finds what has no listener: a new transport, new data, and sockets that have left.
func (l *live) look() {
	for _, f := range l.list() {
		if !f.sock.Connected() {
			l.gone(f, "")
			continue
		}
		transport := transportOf(f.sock)
		var data json.RawMessage
		if l.o.ShowData {
			data = dataOf(f.sock.Data())
		}
		l.update(f, transport, data)
	}
}

// update announces what is new. data is nil if it is not shown.
func (l *live) update(f *followed, transport string, data json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets[f.key] != f || !f.announced() {
		return
	}
	type update struct {
		ID        string          `json:"id"`
		Namespace string          `json:"nsp"`
		Transport string          `json:"transport,omitempty"`
		Data      json.RawMessage `json:"data,omitempty"`
	}
	if transport != f.about.Transport {
		f.about.Transport = transport
		l.change("socket_updated", encoded(update{string(f.key.id), f.key.namespace, transport, nil}))
	}
	if data != nil && !bytes.Equal(data, f.about.Data) {
		f.about.Data = data
		l.change("socket_updated", encoded(update{string(f.key.id), f.key.namespace, "", data}))
	}
}

// first returns the first argument of an event.
func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

func roomNames(rooms *types.Set[socket.Room]) []string {
	keys := rooms.Keys()
	names := make([]string, len(keys))
	for i, room := range keys {
		names[i] = string(room)
	}
	slices.Sort(names)
	return names
}
