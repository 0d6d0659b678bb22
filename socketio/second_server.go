package socketio

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// ErrSecondServer says that a mesh was given to a second Socket.IO server. Each needs a
// mesh of its own.
var ErrSecondServer = errors.New("this mesh has a Socket.IO server already; each server needs a mesh of its own")

// register notes where a server was made, and reports whether it was not known before.
func (c *Constructor) register(server *socket.Server) (isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.madeAt[server]; known {
		return false
	}
	c.madeAt[server] = callerOfLibrary()
	return true
}

// otherServer returns where the other server was made that has namespaces open here; "" if
// there is none.
func (c *Constructor) otherServer(server *socket.Server) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.namespaces {
		if other != server {
			return c.madeAt[other]
		}
	}
	return ""
}

// secondServer completes a, the adapter of a second server: it logs an error, and panics in
// socket.NewServer, as http.ServeMux does for two handlers of one pattern. Namespaces that
// the server opens later, in goroutines of its clients, work without the mesh.
func (c *Constructor) secondServer(a *adapter, isNew bool, first string) socket.Adapter {
	nsp := a.Nsp()
	c.mu.Lock()
	second := c.madeAt[nsp.Server()]
	c.mu.Unlock()
	a.logger.Error("a second Socket.IO server on one mesh works without the mesh", "first_server", first, "second_server", "made at "+second, "error", ErrSecondServer)
	if isNew {
		a.cancel()
		panic(fmt.Errorf("socketio: the Socket.IO server made at %s cannot open namespace %q, which the server %s has open: %w", second, nsp.Name(), first, ErrSecondServer))
	}
	a.join(localFirstAdapter{c.standalone(nsp.Name(), a.host, ErrSecondServer), a.rooms}, len(c.hosts) == 0)
	return a
}

// callerOfLibrary returns the place in the application, as "file:line", that called the
// Socket.IO library, which in turn calls this package.
func callerOfLibrary() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		ours := strings.HasPrefix(frame.Function, packagePath) && !strings.HasSuffix(frame.File, "_test.go")
		if !ours && !strings.HasPrefix(frame.Function, libraryPath) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
	}
	return "an unknown place"
}

const (
	packagePath = "github.com/socketmesh/mesh/socketio."
	libraryPath = "github.com/zishang520/socket.io/"
)
