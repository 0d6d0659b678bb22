package socketio

import (
	"slices"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
)

// unhurried is a polling transport whose pings set out when the engine socket waits
// for the pong (see [wstransport.PingDelay]).
type unhurried struct {
	transports.Polling
	delay time.Duration
}

// Send sends packets, which makes the transport busy until the next poll.
func (p *unhurried) Send(packets []*packet.Packet) {
	if !slices.ContainsFunc(packets, func(p *packet.Packet) bool { return p.Type == packet.PING }) {
		p.Polling.Send(packets)
		return
	}
	p.SetWritable(false)
	time.AfterFunc(p.delay, func() { p.Polling.Send(packets) })
}
