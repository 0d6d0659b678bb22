package msgpack

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// member is one of the members of a message's data, or a set of them.
type member uint8

const (
	memberPacket member = 1 << iota
	memberRequestID
	memberOpts
	memberRooms
	memberClose
	memberCount
	memberSockets
)

// memberNames are in the order of their bits.
var memberNames = [...]string{"packet", "requestId", "opts", "rooms", "close", "clientCount", "sockets"}

func memberOf(name []byte) member {
	for i, known := range memberNames {
		if string(name) == known {
			return 1 << i
		}
	}
	return 0
}

// shapes are the members in each kind's data: those that it may have, and those that it
// must have. A kind without members has no data. opts are required in each kind that has
// them: without opts the message would be for all sockets.
var shapes = [...]struct{ wanted, required member }{
	core.KindBroadcast:              {memberPacket | memberRequestID | memberOpts, memberPacket | memberOpts},
	core.KindSocketsJoin:            {memberOpts | memberRooms, memberOpts | memberRooms},
	core.KindSocketsLeave:           {memberOpts | memberRooms, memberOpts | memberRooms},
	core.KindDisconnectSockets:      {memberOpts | memberClose, memberOpts},
	core.KindFetchSockets:           {memberOpts | memberRequestID, memberOpts | memberRequestID},
	core.KindFetchSocketsResponse:   {memberRequestID | memberSockets, memberRequestID | memberSockets},
	core.KindServerSideEmit:         {memberRequestID | memberPacket, memberPacket},
	core.KindServerSideEmitResponse: {memberRequestID | memberPacket, memberRequestID},
	core.KindBroadcastClientCount:   {memberRequestID | memberCount, memberRequestID | memberCount},
	core.KindBroadcastAck:           {memberRequestID | memberPacket, memberRequestID},
	core.KindAdapterClose:           {},
}

var (
	errNoType    = errors.New("no type")
	errNoNsp     = errors.New("no nsp")
	errNoUID     = errors.New("no uid")
	errNoData    = errors.New("no data")
	errTrailing  = errors.New("bytes behind the message")
	errCountForm = errors.New("count is not a whole number")
	errPacket    = errors.New("packet is not an event")
)

// decodeMessage reads {type, data, uid, nsp} in any order.
func decodeMessage(src []byte, m *core.Message) error {
	*m = core.Message{}
	r := msgpack.NewReader(src)
	var kind int64
	var data []byte
	var typed, sent bool
	err := r.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = r.Int()
			typed = true
		case "data":
			data, err = raw(r)
		case "uid":
			m.From, err = readText(r)
			sent = true
		case "nsp":
			m.Namespace, err = readText(r)
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case r.Len() > 0:
		return errTrailing
	case !typed:
		return errNoType
	case !sent:
		return errNoUID
	case m.Namespace == "":
		return errNoNsp
	case kind < 0 || kind >= int64(len(shapes)) || !core.Kind(kind).Reference():
		return fmt.Errorf("type %d: %w", kind, core.ErrUnsupported)
	}
	m.Kind = core.Kind(kind)
	if shapes[kind].wanted == 0 {
		return nil
	}
	if data == nil {
		return fmt.Errorf("%s: %w", m.Kind, errNoData)
	}
	d := decoder{Reader: *msgpack.NewReader(data)}
	if err := d.data(m); err != nil {
		return fmt.Errorf("%s: data: %w", m.Kind, err)
	}
	return nil
}

// raw skips a value and returns its encoding.
func raw(r *msgpack.Reader) ([]byte, error) {
	start := r.Rest()
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return start[:len(start)-r.Len()], nil
}

// decoder reads a message's data.
type decoder struct {
	msgpack.Reader
	used listbounds.Used
}

func (d *decoder) data(m *core.Message) error {
	shape := shapes[m.Kind]
	var seen member
	err := d.Fields(func(key []byte) error {
		which := memberOf(key) & shape.wanted
		seen |= which
		return d.member(m, which)
	})
	if err != nil {
		return err
	}
	if m.RequestID == "" {
		seen &^= memberRequestID
	}
	for i, name := range memberNames {
		if shape.required&^seen&(1<<i) != 0 {
			return fmt.Errorf("no %s", name)
		}
	}
	return nil
}

func (d *decoder) member(m *core.Message, which member) (err error) {
	switch which {
	case memberPacket:
		m.Payload, err = d.packet(m.Kind)
	case memberRequestID:
		m.RequestID, err = d.requestID()
	case memberOpts:
		err = d.target(&m.To)
	case memberRooms:
		m.Rooms, err = d.rooms()
	case memberClose:
		m.Close, err = d.close()
	case memberCount:
		m.Count, err = d.count()
	case memberSockets:
		m.Sockets, err = d.sockets()
	default:
		err = d.Skip()
	}
	return err
}

// requestID reads a request id; nil counts as none.
func (d *decoder) requestID() (string, error) {
	if d.Next() == msgpack.Nil {
		return "", d.Nil()
	}
	return readText(&d.Reader)
}

// close reads a boolean; nil counts as false.
func (d *decoder) close() (bool, error) {
	if d.Next() == msgpack.Nil {
		return false, d.Nil()
	}
	return d.Bool()
}

func (d *decoder) count() (int, error) {
	f, _, _, err := d.Number()
	switch {
	case err != nil:
		return 0, err
	case f < 0:
		return 0, errCount
	case !(f <= msgpack.MaxSafeInteger) || f != float64(int(f)):
		return 0, errCountForm
	}
	return int(f), nil
}

func (d *decoder) packet(kind core.Kind) (core.Payload, error) {
	switch kind {
	case core.KindBroadcast:
		return d.broadcastPacket()
	case core.KindServerSideEmit:
		return d.event()
	}
	return d.value()
}

// broadcastPacket reads {type, data}.
func (d *decoder) broadcastPacket() (p core.Payload, err error) {
	err = d.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			var t int64
			if t, err = d.Int(); err == nil && t != eventPacket {
				err = errPacket
			}
		case "data":
			p, err = d.event()
		default:
			err = d.Skip()
		}
		return err
	})
	if err == nil && p.IsZero() {
		err = errPacket
	}
	return p, err
}

// event reads an array whose first element is a string.
func (d *decoder) event() (core.Payload, error) {
	ahead := d.Reader
	if n, err := ahead.Array(); err != nil || n == 0 || ahead.Next() != msgpack.String {
		return core.Payload{}, errPacket
	}
	return d.value()
}
