package session

import (
	"io"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
)

// send hands a packet to the transport, which always takes it.
func (s *Session) send(kind packet.Type, data io.Reader, options *packet.Options, callback engine.SendCallback) {
	if state := s.state.Load(); state == &stateClosing || state == &stateClosed {
		return
	}
	p := &packet.Packet{Type: kind, Data: data, Options: optionsOf(options)}
	if s.watched.Load() || s.env.watched() {
		s.sendWatched(p, callback)
		return
	}
	s.pass(p, callback)
}

// sendWatched emits the library's events around a packet.
func (s *Session) sendWatched(p *packet.Packet, callback engine.SendCallback) {
	s.Emit("packetCreate", p)
	flushed := []*packet.Packet{p}
	s.Emit("flush", flushed)
	s.env.Engine.Emit("flush", s, flushed)
	s.pass(p, callback)
	s.Emit("drain")
	s.env.Engine.Emit("drain", s)
}

func (e *Env) watched() bool {
	return e.Engine.ListenerCount("flush")+e.Engine.ListenerCount("drain") > 0
}

// optionsOf copies options as the library does: compression is on unless it is off in them.
func optionsOf(options *packet.Options) *packet.Options {
	if options == nil {
		return &packet.Options{Compress: new(true)}
	}
	compress := options.Compress == nil || *options.Compress
	return &packet.Options{Compress: &compress, WsPreEncodedFrame: options.WsPreEncodedFrame}
}

// pass gives the packet to the transport. From the first packet with a callback on, the
// transport reports each packet that it has written, and each packet has a place in the
// list.
func (s *Session) pass(p *packet.Packet, callback engine.SendCallback) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if callback != nil && !s.counting {
		s.counting = true
		_ = s.transport.On("drain", s.written)
	}
	if s.counting {
		s.callbacks = append(s.callbacks, callback)
	}
	s.transport.Send([]*packet.Packet{p})
}

// written calls the callback of the packet that has been written.
func (s *Session) written(...any) {
	s.mu.Lock()
	var callback engine.SendCallback
	if len(s.callbacks) > 0 {
		callback, s.callbacks = s.callbacks[0], s.callbacks[1:]
	}
	s.mu.Unlock()
	if callback != nil {
		callback(s.transport)
	}
}
