package socketio

import (
	"slices"
	"strconv"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// delivery is the local delivery of one event. What its sockets share is made when the
// first of them needs it.
type delivery struct {
	host  *host
	event core.Payload
	id    *uint64 // nil if no acknowledgement is wanted
	flags core.Flags

	ready   bool
	buffers []types.BufferInterface // the encoded packet; only copies of it are written
	options *socket.WriteOptions
	packet  *parser.Packet // the decoded packet, for listeners

	watchedKnown, watchedAll bool // see watched
	message                  wstransport.Message
	headBuf                  [32]byte // the memory for head
}

var deliveries = sync.Pool{New: func() any { return new(delivery) }}

// delivery returns a delivery from the pool. The caller calls end.
func (h *host) delivery(event core.Payload, id *uint64, flags core.Flags) *delivery {
	d := deliveries.Get().(*delivery)
	d.host, d.event, d.id, d.flags = h, event, id, flags
	return d
}

// end returns the delivery to the pool. Sockets keep nothing of it but the contents of the
// message.
func (d *delivery) end() {
	*d = delivery{}
	deliveries.Put(d)
}

// to writes the event to one socket. It returns false if the event cannot be written to any
// socket.
func (d *delivery) to(s *socket.Socket) bool {
	if d.directly(s, nil) {
		return true
	}
	if !d.ready {
		d.encode()
	}
	if d.buffers == nil {
		return false
	}
	if len(s.ListenersAnyOutgoing()) > 0 {
		d.notify(s)
	}
	s.Client().WriteToEngine(d.buffers, d.options)
	return true
}

// encode makes the packet's frames. In the library's own format they are a header in front
// of the event's text; with an application's encoder, that encodes the packet.
func (d *delivery) encode() {
	d.ready = true
	d.options = writeOptions(d.flags)
	if d.host.encoder == nil {
		d.buffers = d.frames()
		return
	}
	packet := d.decode(siovalue.AsBytes)
	if packet == nil {
		return
	}
	d.buffers = d.host.encoder.Encode(packet)
	if len(d.buffers) == 1 {
		if text, ok := d.buffers[0].(*types.StringBuffer); ok {
			d.options.WsPreEncodedFrame = types.NewStringBuffer(append([]byte{engineMessage}, text.Bytes()...))
		}
	}
}

// engineMessage is Engine.IO's packet type of messages. Over WebSocket a text packet begins
// with it, and is encoded once for all clients.
const engineMessage = '4'

// frames returns the header with the event's text, and the attachments (Socket.IO
// protocol revision 5: "2/nsp,12[…]", or "51-/nsp,12[…]" with an attachment).
func (d *delivery) frames() []types.BufferInterface {
	text := slices.Concat(d.head(), d.event.Text)
	buffers := make([]types.BufferInterface, 1, 1+len(d.event.Attachments))
	buffers[0] = types.NewStringBuffer(text[1:])
	for _, attachment := range d.event.Attachments {
		buffers = append(buffers, types.NewBytesBuffer(attachment))
	}
	if len(buffers) == 1 {
		d.options.WsPreEncodedFrame = types.NewStringBuffer(text)
	}
	return buffers
}

// head returns Engine.IO's packet type and the header that go before the event's text.
func (d *delivery) head() []byte {
	nsp := d.host.nsp.Name()
	head := append(d.headBuf[:0], engineMessage)
	if n := len(d.event.Attachments); n > 0 {
		head = strconv.AppendUint(append(head, '0'+byte(parser.BINARY_EVENT)), uint64(n), 10)
		head = append(head, '-')
	} else {
		head = append(head, '0'+byte(parser.EVENT))
	}
	if nsp != "" && nsp != "/" {
		head = append(append(head, nsp...), ',')
	}
	if d.id != nil {
		head = strconv.AppendUint(head, *d.id, 10)
	}
	return head
}

// notify calls a socket's "any outgoing" listeners.
func (d *delivery) notify(s *socket.Socket) {
	if d.packet == nil {
		if d.packet = d.decode(siovalue.AsBuffer); d.packet == nil {
			return
		}
	}
	d.host.protect("outgoing listener", func() { s.NotifyOutgoingListeners()(d.packet) })
}

func (d *delivery) decode(binary func([]byte) any) *parser.Packet {
	args, err := siovalue.DecodeEvent(d.event, binary)
	if err != nil {
		d.host.logger.Error("event cannot be decoded", "error", err)
		return nil
	}
	return &parser.Packet{Type: parser.EVENT, Nsp: d.host.nsp.Name(), Data: args, Id: d.id}
}

// directly puts the event into the queue of the socket's connection, without the library. t
// is the connection's transport, or nil if the caller does not know it. It returns false,
// and does nothing, if the library has to take part: for clients that poll, for listeners
// of outgoing packets, for an application's encoder.
func (d *delivery) directly(s *socket.Socket, t *wstransport.Transport) bool {
	if d.host.encoder != nil || d.watched() || len(s.ListenersAnyOutgoing()) > 0 {
		return false
	}
	if t == nil {
		if t = fastpath.TransportOf(s.Conn()); t == nil {
			return false
		}
	}
	if watched(s.Conn()) {
		return false
	}
	if d.message.Head == nil {
		d.message = wstransport.Message{
			Head:        d.head(),
			Text:        d.event.Text,
			Attachments: d.event.Attachments,
			Volatile:    d.flags.Volatile,
			Compress:    d.flags.Compress != core.CompressOff,
		}
	}
	return t.Deliver(&d.message)
}

// watched reports whether the engine has listeners of what is written to any client. It
// asks the engine once for all sockets.
func (d *delivery) watched() bool {
	if !d.watchedKnown {
		d.watchedKnown = true
		if server := d.host.nsp.Server().Engine(); server != nil {
			d.watchedAll = server.ListenerCount("flush")+server.ListenerCount("drain") > 0
		}
	}
	return d.watchedAll
}

// watched reports whether a connection has listeners of what is written to it.
func watched(conn engine.Socket) bool {
	if s, ok := conn.(*session.Session); ok {
		return s.Watched()
	}
	return conn.ListenerCount("packetCreate")+conn.ListenerCount("flush")+conn.ListenerCount("drain") > 0
}
