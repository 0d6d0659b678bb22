package msgpack

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// minSocket is roughly the smallest length of an encoded socket. It limits the memory
// that is allocated for a forged count.
const minSocket = 64

var errSocketID = errors.New("socket without an id")

// emptyObject is the text of a handshake or of data that is missing.
const emptyObject = "{}"

// appendSockets appends [{id, handshake, rooms, data}].
func appendSockets(b []byte, sockets []core.Socket) ([]byte, error) {
	b = msgpack.AppendArrayHeader(b, len(sockets))
	for i := range sockets {
		var err error
		if b, err = appendSocket(b, &sockets[i]); err != nil {
			return nil, fmt.Errorf("socket %.64q: %w", sockets[i].ID, err)
		}
	}
	return b, nil
}

func appendSocket(b []byte, s *core.Socket) (_ []byte, err error) {
	if s.ID == "" {
		return nil, errSocketID
	}
	b = msgpack.AppendMapHeader(b, 4)
	b = appendText(msgpack.AppendString(b, "id"), s.ID)
	if b, err = appendObject(msgpack.AppendString(b, "handshake"), s.Handshake); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	b = appendTexts(msgpack.AppendString(b, "rooms"), s.Rooms)
	if b, err = appendObject(msgpack.AppendString(b, "data"), s.Data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return b, nil
}

// appendObject appends a payload, or an empty object if there is none.
func appendObject(b []byte, p core.Payload) ([]byte, error) {
	if p.IsZero() {
		return msgpack.AppendMapHeader(b, 0), nil
	}
	return appendValue(b, p)
}

func (d *decoder) sockets() ([]core.Socket, error) {
	n, err := d.Array()
	if err != nil {
		return nil, err
	}
	if err := d.used.Sockets(n); err != nil {
		return nil, err
	}
	sockets := make([]core.Socket, 0, min(n, d.Len()/minSocket+1))
	for i := range n {
		s, err := d.socket()
		if err != nil {
			return nil, fmt.Errorf("socket %d: %w", i, err)
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

func (d *decoder) socket() (s core.Socket, err error) {
	err = d.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			s.ID, err = readText(&d.Reader)
		case "rooms":
			s.Rooms, err = d.rooms()
		case "handshake":
			s.Handshake, err = d.handshake()
		case "data":
			s.Data, err = d.value()
		default:
			err = d.Skip()
		}
		return err
	})
	if err == nil && s.ID == "" {
		err = errSocketID
	}
	if s.Handshake.IsZero() {
		s.Handshake.Text = []byte(emptyObject)
	}
	if s.Data.IsZero() {
		s.Data.Text = []byte(emptyObject)
	}
	return s, err
}

// handshake reads an object; nil counts as none.
func (d *decoder) handshake() (core.Payload, error) {
	switch t := d.Next(); t {
	case msgpack.Nil:
		return core.Payload{}, d.Nil()
	case msgpack.Map:
		return d.value()
	default:
		return core.Payload{}, fmt.Errorf("%w: want map, have %s", msgpack.ErrType, t)
	}
}
