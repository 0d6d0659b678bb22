package session

import (
	"encoding/json"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// handshake is the first packet. Its members are in the order in which the library's
// encoder sorts them.
type handshake struct {
	MaxPayload   int64    `json:"maxPayload"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
	Sid          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
}

// Attach gives the session its transport and the client's address. It is called before the
// session can be found by others.
func (s *Session) Attach(transport *wstransport.Transport, remote string) {
	s.transport, s.remote = transport, remote
	transport.SetSid(s.id)
}

// Open opens the session over its transport and sends the handshake to the client.
func (s *Session) Open() {
	s.state.Store(&stateOpen)
	options := s.env.Engine.Opts()
	invitation, err := json.Marshal(handshake{
		MaxPayload:   options.MaxHttpBufferSize(),
		PingInterval: int64(options.PingInterval() / time.Millisecond),
		PingTimeout:  int64(options.PingTimeout() / time.Millisecond),
		Sid:          s.id,
		Upgrades:     s.upgrades(),
	})
	if err != nil {
		s.close("encode error", err)
		return
	}
	s.send(packet.OPEN, types.NewStringBuffer(invitation), nil, nil)
	if initial := options.InitialPacket(); initial != nil {
		s.send(packet.MESSAGE, initial, nil, nil)
	}
	s.Emit("open")
	s.schedule()
}

func (s *Session) upgrades() []string {
	upgrades := []string{}
	for _, name := range s.env.Engine.Upgrades(transports.WEBSOCKET) {
		if s.env.Engine.Transports().Has(name) {
			upgrades = append(upgrades, name)
		}
	}
	return upgrades
}
