package session

import (
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	engineerrors "github.com/zishang520/socket.io/servers/engine/v3/errors"
)

// schedule sets the timer of the heartbeat: the server pings in revision 4 of the protocol,
// the client in revision 3.
func (s *Session) schedule() {
	options := s.env.Engine.Opts()
	d := options.PingInterval()
	if s.protocol == 3 {
		d += options.PingTimeout()
	}
	s.late.Store(int64(s.env.Late()))
	s.env.Clock.Set(&s.timer, d)
	if s.state.Load() == &stateClosed { // it was closed meanwhile
		s.env.Clock.Stop(&s.timer)
	}
}

// Expire is called by the clock, when to ping or when the client is overdue.
func (s *Session) Expire() {
	if s.protocol == 3 || s.awaiting.Load() {
		if more, late := s.reprieve(); late {
			s.env.Clock.Set(&s.timer, more)
			return
		}
		go s.close("ping timeout", nil) // listeners may take long
		return
	}
	s.awaiting.Store(true)
	s.late.Store(int64(s.env.Late()))
	s.send(packet.PING, nil, nil, nil)
	s.env.Clock.Set(&s.timer, s.env.Engine.Opts().PingTimeout())
	if s.state.Load() == &stateClosed {
		s.env.Clock.Stop(&s.timer)
	}
}

// reprieve reports whether the server is late, and not the client, and how much more time
// the client gets: what it has sent is read before it is disconnected, and the time in
// which the process did not run does not count.
func (s *Session) reprieve() (more time.Duration, late bool) {
	if s.transport.Unread() {
		return 0, true // check again at the next tick
	}
	total := int64(s.env.Late())
	more = time.Duration(total - s.late.Swap(total))
	return more, more > 0
}

// Packet is called by the transport for each packet that it receives.
func (s *Session) Packet(p *packet.Packet) {
	if p == nil || s.state.Load() != &stateOpen {
		return
	}
	s.EmitOne("packet", p)
	switch p.Type {
	case packet.PING:
		if s.protocol != 3 {
			s.close("transport error", engineerrors.ErrInvalidHeartbeat)
			return
		}
		s.schedule()
		s.send(packet.PONG, nil, nil, nil)
		s.Emit("heartbeat")
	case packet.PONG:
		if s.protocol == 3 {
			s.close("transport error", engineerrors.ErrInvalidHeartbeat)
			return
		}
		s.awaiting.Store(false)
		s.schedule()
		s.Emit("heartbeat")
	case packet.ERROR:
		s.close("parse error", nil)
	case packet.MESSAGE:
		s.EmitOne("data", p.Data)
		s.EmitOne("message", p.Data)
	}
}
