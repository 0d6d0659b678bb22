package adminui

import (
	"slices"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio"
)

// namespaces watches the namespaces of this server while there are pages. It has no
// listeners before begin and after end.
type namespaces struct {
	io     *socket.Server
	server *socketio.Constructor
	pages  socket.Namespace // the namespace of the pages
	live   *live

	mu      sync.Mutex
	watched map[string]*namespaceListeners // nil while there are no pages
}

// namespaceListeners are the listeners of one namespace.
type namespaceListeners struct {
	nsp                       socket.Namespace
	connect, joined, departed types.EventListener
}

// begin watches all namespaces, and new ones.
func (n *namespaces) begin() {
	n.mu.Lock()
	n.watched = map[string]*namespaceListeners{}
	n.mu.Unlock()
	_ = n.io.On("new_namespace", n.created)
	n.fill(silently)
}

func (n *namespaces) end() {
	n.io.RemoveListener("new_namespace", n.created)
	n.mu.Lock()
	for _, l := range n.watched {
		l.release()
	}
	n.watched = nil
	n.mu.Unlock()
	for _, f := range n.live.end() {
		f.release()
	}
}

// created is called before a client is in a new namespace.
func (n *namespaces) created(args ...any) {
	if nsp, ok := first(args).(socket.Namespace); ok {
		n.watch(nsp)
	}
}

// watch adds the listeners of a namespace.
func (n *namespaces) watch(nsp socket.Namespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := nsp.Name()
	old := n.watched[name]
	if n.watched == nil || old != nil && old.nsp == nsp {
		return
	}
	if old != nil { // the library has removed it and made a new one
		old.release()
	}
	l := &namespaceListeners{nsp: nsp}
	l.connect = func(args ...any) {
		if s, ok := first(args).(*socket.Socket); ok {
			n.live.follow(s, connected)
		}
	}
	l.joined = func(args ...any) { n.moved(name, args, true) }
	l.departed = func(args ...any) { n.moved(name, args, false) }
	_ = nsp.On("connect", l.connect)
	_ = nsp.Adapter().On("join-room", l.joined)
	_ = nsp.Adapter().On("leave-room", l.departed)
	n.watched[name] = l
}

// moved handles the adapter's events, whose arguments are a room and a socket's id.
func (n *namespaces) moved(name string, args []any, joined bool) {
	if len(args) != 2 {
		return
	}
	room, isRoom := args[0].(socket.Room)
	id, isID := args[1].(socket.SocketId)
	if isRoom && isID {
		n.live.moved(socketKey{name, id}, string(room), joined)
	}
}

func (l *namespaceListeners) release() {
	l.nsp.EventEmitter().RemoveListener("connect", l.connect)
	l.nsp.Adapter().RemoveListener("join-room", l.joined)
	l.nsp.Adapter().RemoveListener("leave-room", l.departed)
}

// fill follows connected sockets, up to the limit: first each namespace gets an equal
// share, then the rest is distributed.
func (n *namespaces) fill(how discovery) {
	open := n.open()
	n.forget(open)
	for _, nsp := range open {
		n.watch(nsp)
	}
	capacity := n.live.capacity()
	if capacity <= 0 {
		return
	}
	for _, nsp := range open {
		n.fillFrom(nsp, max(1, capacity/len(open)), how)
	}
	for _, nsp := range open {
		n.fillFrom(nsp, n.live.capacity(), how)
	}
}

func (n *namespaces) fillFrom(nsp socket.Namespace, most int, how discovery) {
	nsp.Sockets().Range(func(_ socket.SocketId, s *socket.Socket) bool {
		if most <= 0 {
			return false
		}
		if n.live.follows(s) || !s.Connected() {
			return true
		}
		most--
		return n.live.follow(s, how)
	})
}

// forget removes namespaces that the library has removed.
func (n *namespaces) forget(open []socket.Namespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, l := range n.watched {
		if !slices.ContainsFunc(open, func(nsp socket.Namespace) bool { return nsp.Name() == name }) {
			l.release()
			delete(n.watched, name)
		}
	}
}

// open returns the namespaces of this server, the pages' last.
func (n *namespaces) open() []socket.Namespace {
	var names []string
	for _, open := range n.server.Namespaces() {
		if open.Name != n.pages.Name() {
			names = append(names, open.Name)
		}
	}
	slices.Sort(names)
	open := make([]socket.Namespace, len(names), len(names)+1)
	for i, name := range names {
		open[i] = n.io.Of(name, nil)
	}
	return append(open, n.pages)
}
