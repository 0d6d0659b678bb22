package core

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// Validate returns an error unless m is well-formed, as [Codec.Decode] promises of what
// it returns: its kind is known, the fields that the kind needs are set, payloads are
// JSON with their placeholders in range. The error wraps [ErrUnsupported] for an unknown
// kind, and [ErrMalformed] otherwise.
//
// It is for codecs, which may call it at the end of Decode. It reads every payload once.
func (m *Message) Validate() error {
	if !m.Kind.Valid() {
		return fmt.Errorf("%s: %w", m.Kind, ErrUnsupported)
	}
	for _, check := range []func(*Message) error{checkRooms, checkTarget, checkPayloads, (*Message).Complete} {
		if err := check(m); err != nil {
			return fmt.Errorf("%s: %w: %w", m.Kind, ErrMalformed, err)
		}
	}
	return nil
}

// Complete returns an error unless m has the fields that its kind needs, so that the
// receiver will understand it. Of payloads it checks only whether an event has a name;
// Rooms may be nil, and the error wraps nothing.
//
// It is for codecs, which may call it in Append, and at the end of a Decode that has read
// the payloads itself.
func (m *Message) Complete() error {
	switch m.Kind {
	case KindBroadcast, KindServerSideEmit:
		if err := jsonscan.CheckEvent(m.Payload.Text); err != nil {
			return err
		}
	case KindFetchSockets, KindFetchSocketsResponse, KindServerSideEmitResponse,
		KindBroadcastClientCount, KindBroadcastAck:
		if m.RequestID == "" {
			return errors.New("no request id")
		}
	}
	switch {
	case m.Namespace == "":
		return errors.New("no namespace")
	case m.Count < 0:
		return fmt.Errorf("count is %d", m.Count)
	}
	for i := range m.Sockets {
		if m.Sockets[i].ID == "" {
			return fmt.Errorf("socket %d: no id", i)
		}
	}
	return nil
}

func checkRooms(m *Message) error {
	if m.Kind.NeedsRooms() && m.Rooms == nil {
		return errors.New("no rooms")
	}
	return nil
}

func checkTarget(m *Message) error {
	switch flags := m.To.Flags; {
	case flags.Local:
		return errors.New("local is no flag for others")
	case flags.Timeout < 0:
		return fmt.Errorf("timeout is %v", flags.Timeout)
	case flags.Compress > CompressOff:
		return fmt.Errorf("compress is %d", flags.Compress)
	}
	return nil
}

func checkPayloads(m *Message) error {
	if err := m.Payload.check(); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	for i := range m.Sockets {
		s := &m.Sockets[i]
		if err := s.Handshake.check(); err != nil {
			return fmt.Errorf("socket %d: handshake: %w", i, err)
		}
		if err := s.Data.check(); err != nil {
			return fmt.Errorf("socket %d: data: %w", i, err)
		}
	}
	return nil
}

// check returns an error if p violates the rules of its type. "No value" is valid.
func (p Payload) check() error {
	if p.IsZero() {
		if len(p.Attachments) > 0 {
			return fmt.Errorf("%d attachments without a text", len(p.Attachments))
		}
		return nil
	}
	return jsonscan.Check(p.Text, len(p.Attachments))
}
