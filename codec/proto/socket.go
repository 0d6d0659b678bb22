package proto

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

var errSocketID = errors.New("socket without an id")

// typicalSocket is about the least that a described socket takes on the wire. It
// bounds the room that is taken beforehand, for what may be no sockets at all.
const typicalSocket = 64

func appendSocket(b []byte, s *core.Socket) []byte {
	b, start := begin(b, messageSockets)
	b = appendString(b, socketID, s.ID)
	b = appendStrings(b, socketRooms, s.Rooms)
	b = appendPayload(b, socketHandshake, s.Handshake)
	b = appendPayload(b, socketData, s.Data)
	return end(b, start)
}

// readSocket reads one socket and checks it.
func readSocket(r reader) (s core.Socket, err error) {
	for {
		f, ok, err := r.next()
		if err != nil {
			return s, err
		}
		if !ok {
			return s, checkSocket(&s)
		}
		switch f.tag {
		case socketID:
			s.ID, err = r.text(f)
		case socketRooms:
			s.Rooms, err = r.element(s.Rooms, f)
		case socketHandshake:
			err = readPayload(f.bytes, &s.Handshake)
		case socketData:
			err = readPayload(f.bytes, &s.Data)
		}
		if err != nil {
			return s, err
		}
	}
}

func checkSocket(s *core.Socket) error {
	if s.ID == "" {
		return errSocketID
	}
	if err := checkPayload(s.Handshake); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if err := checkPayload(s.Data); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}
