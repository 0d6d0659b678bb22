// Package unix is a transport over Unix domain sockets, for servers on one
// machine. An address is "unix://" and the path of a socket.
package unix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/socketmesh/mesh/core"
)

// Transport is a core.Transport. MaxFrame bounds, in bytes, the frames of a
// connection whose LimitReads nobody has called; a node does.
type Transport struct{ MaxFrame int }

var _ core.Transport = Transport{}

// Name is "unix".
func (Transport) Name() string { return "unix" }

// Listen opens a socket. The one that a dead process has left there makes way.
func (t Transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	path, err := pathOf(addr)
	if err != nil {
		return nil, fmt.Errorf("unix: listen: %w", err)
	}
	if isDead(path) {
		os.Remove(path)
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("unix: listen at %s: %w", addr, err)
	}
	return &listener{socket, addr, t.MaxFrame}, nil
}

// isDead tells whether path is a socket at which nobody listens.
func isDead(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	probe, err := net.Dial("unix", path)
	if err == nil {
		probe.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Dial connects to a socket.
func (t Transport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	path, err := pathOf(addr)
	if err != nil {
		return nil, fmt.Errorf("unix: dial: %w", err)
	}
	socket, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("unix: dial %s: %w", addr, err)
	}
	return newConn(socket, addr, t.MaxFrame), nil
}

func pathOf(addr string) (string, error) {
	path, ok := strings.CutPrefix(addr, "unix://")
	if !ok || path == "" {
		return "", fmt.Errorf("address %q is not unix:// and a path", addr)
	}
	return path, nil
}

type listener struct {
	socket   net.Listener
	addr     string
	maxFrame int
}

func (l *listener) Accept() (core.Conn, error) {
	socket, err := l.socket.Accept()
	if err != nil {
		return nil, err // names the path, and wraps net.ErrClosed after Close
	}
	return newConn(socket, "client of "+l.addr, l.maxFrame), nil
}

func (l *listener) Addr() string { return l.addr }

func (l *listener) Close() error {
	if err := l.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
