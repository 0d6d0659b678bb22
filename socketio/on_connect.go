package socketio

import (
	"runtime/debug"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/lifecycle"
)

// watch listens for sockets from their arrival in the namespace. complete says that the
// namespace had an adapter before, so that the library has set up its middlewares.
func (a *adapter) watch(complete bool) {
	nsp := a.Nsp()
	a.hearsFirst = len(nsp.Listeners("connect")) == 0
	_ = nsp.On("connect", a.onConnect)
	if nsp.Name() == "/" {
		_ = nsp.On("new_namespace", a.namespaceCreated)
	} else if !complete {
		return // a child of a parent namespace gets its middlewares later; namespaceCreated goes on
	}
	nsp.Fns().Unshift(a.arriving)
}

// namespaceCreated adds the arriving middleware to a new namespace that is set up.
func (a *adapter) namespaceCreated(args ...any) {
	nsp, ok := args[0].(socket.Namespace)
	if !ok || a.ctx.Err() != nil {
		return
	}
	if created, ok := nsp.Adapter().(*adapter); ok {
		nsp.Fns().Unshift(created.arriving)
	}
}

// arriving is the namespace's first middleware. It runs before the application's, and so
// before the application can join rooms or listen to the socket.
func (a *adapter) arriving(s *socket.Socket, next func(*socket.ExtendedError)) {
	lifecycle.Adopt(s, a.logger)
	a.rooms.Arrive(s.Id())
	defer func() {
		if r := recover(); r != nil {
			a.refuse(s, next, r, debug.Stack())
		}
	}()
	next(nil) // calls the application's middlewares
	lifecycle.Judged(s)
}

// refuse answers a client whose middleware has panicked, unless the middleware had let it
// in.
func (a *adapter) refuse(s *socket.Socket, next func(*socket.ExtendedError), reason any, stack []byte) {
	a.logger.Error("middleware panicked", "socket", s.Id(), "panic", reason, "stack", string(stack))
	s.Enqueue(func() {
		if !s.Connected() {
			next(socket.NewExtendedError("Internal server error", nil))
		}
	})
}

// onConnect is the namespace's first listener of "connect". From here on the library
// handles packets of the client, so the answer to its CONNECT can be sent.
func (a *adapter) onConnect(args ...any) {
	s, ok := args[0].(*socket.Socket)
	if !ok {
		return
	}
	if t := fastpath.TransportOf(s.Conn()); t != nil {
		t.Connected(a.Nsp().Name())
	}
	lifecycle.Connected(s)
}
