package proto

import (
	"errors"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
)

// typicalSocket is roughly the smallest length of an encoded socket. It limits the memory
// that is allocated for a list of malformed sockets.
const typicalSocket = 64

var errSocketID = errors.New("socket without an id")

func appendSocket(b []byte, s *core.Socket) []byte {
	b, start := begin(b, messageSockets)
	b = appendString(b, socketID, s.ID)
	b = appendStrings(b, socketRooms, s.Rooms)
	b = appendPayload(b, socketHandshake, s.Handshake)
	b = appendPayload(b, socketData, s.Data)
	b = appendString(b, socketAddress, s.Address)
	return end(b, start)
}

// readSocket reads one socket. A socket without an id is an error at once, before
// memory is used for millions of empty ones.
func readSocket(r reader, used *listbounds.Used) (s core.Socket, err error) {
	for {
		f, ok, err := r.next()
		if err != nil {
			return s, err
		}
		if !ok {
			if s.ID == "" {
				err = errSocketID
			}
			return s, err
		}
		switch f.tag {
		case socketID:
			s.ID, err = r.text(f)
		case socketRooms:
			s.Rooms, err = r.element(s.Rooms, f, used)
		case socketHandshake:
			err = readPayload(f.bytes, &s.Handshake, used)
		case socketData:
			err = readPayload(f.bytes, &s.Data, used)
		case socketAddress:
			s.Address, err = r.text(f)
		}
		if err != nil {
			return s, err
		}
	}
}
