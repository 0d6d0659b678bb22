package socketio

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
)

// WrapAdapter wraps the [core.Adapter] of each namespace. The result is what the Socket.IO
// server calls, and what [Of] returns. wrap is called once per namespace, when that is
// opened. Given several times, the last wrap is the outermost.
//
// AddAll, Del and DelAll are called for every join and leave of a local socket, whatever
// caused it, and so must not use AddSockets or DelSockets themselves.
//
// If wrap returns nil or panics, that is logged and the namespace works on its own, without
// the mesh and its wrappers: otherwise other servers might get what the broken wrapper
// should have kept from them.
func WrapAdapter(wrap func(core.Adapter) core.Adapter) Option {
	return notNil("WrapAdapter", wrap, func(c *Constructor) {
		c.adapters = append(c.adapters, func(_ string, a core.Adapter) core.Adapter { return wrap(a) })
	})
}

// WrapHost wraps the [core.Host] of each namespace, through which the mesh acts on the
// local sockets, for this server and for its peers. Everything else is as with
// [WrapAdapter].
func WrapHost(wrap func(namespace string, h core.Host) core.Host) Option {
	return notNil("WrapHost", wrap, func(c *Constructor) { c.hosts = append(c.hosts, wrap) })
}

var errNilWrapped = errors.New("it returned nil")

// wrapped puts wrappers around the adapter or the host (T) of a namespace.
func wrapped[T any](namespace string, inner T, wraps []func(string, T) T) (outer T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v\n%s", r, debug.Stack())
		}
	}()
	for _, wrap := range wraps {
		if inner = wrap(namespace, inner); isnil.Value(inner) {
			return inner, errNilWrapped
		}
	}
	return inner, nil
}
