package proto

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

var (
	errNoKind = errors.New("no kind")
	errHuge   = errors.New("count out of range")
)

func decode(src []byte, m *core.Message) error {
	*m = core.Message{}
	var kind int32
	for r := (reader{src}); r.more(); {
		f, err := r.next()
		if err == nil {
			switch f.tag {
			case messageKind:
				kind = int32(f.number)
			case messageFrom:
				m.From, err = f.text()
			case messageNamespace:
				m.Namespace, err = f.text()
			case messageRequestID:
				m.RequestID, err = f.text()
			case messageTo:
				err = target(f.bytes, &m.To)
			case messagePayload:
				err = payload(f.bytes, &m.Payload)
			case messageRooms:
				m.Rooms, err = appendText(m.Rooms, f)
			case messageClose:
				m.Close = f.boolean()
			case messageBrief:
				m.Brief = f.boolean()
			case messageCount:
				m.Count, err = count(f)
			case messageSockets:
				var s core.Socket
				s, err = socket(f.bytes)
				m.Sockets = append(m.Sockets, s)
			}
		}
		if err != nil {
			return err
		}
	}
	switch {
	case kind == 0:
		return errNoKind
	case kind < 0 || kind > math.MaxUint8 || !core.Kind(kind).Valid():
		return fmt.Errorf("kind %d: %w", kind, core.ErrUnsupported)
	}
	m.Kind = core.Kind(kind)
	if m.Rooms == nil && (m.Kind == core.KindSocketsJoin || m.Kind == core.KindSocketsLeave) {
		m.Rooms = []string{}
	}
	if err := checkPayload(m.Payload); err != nil {
		return err
	}
	return check(m)
}

func target(src []byte, to *core.Target) error {
	for r := (reader{src}); r.more(); {
		f, err := r.next()
		if err == nil {
			switch f.tag {
			case targetRooms:
				to.Rooms, err = appendText(to.Rooms, f)
			case targetExcept:
				to.Except, err = appendText(to.Except, f)
			case targetFlags:
				err = flags(f.bytes, &to.Flags)
			}
		}
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
	}
	return nil
}

func flags(src []byte, to *core.Flags) error {
	for r := (reader{src}); r.more(); {
		f, err := r.next()
		if err != nil {
			return fmt.Errorf("flags: %w", err)
		}
		switch f.tag {
		case flagsVolatile:
			to.Volatile = f.boolean()
		case flagsCompress:
			to.Compress = core.CompressOff
			if f.boolean() {
				to.Compress = core.CompressOn
			}
		case flagsExpectSingleResponse:
			to.ExpectSingleResponse = f.boolean()
		case flagsTimeout:
			to.Timeout = time.Duration(min(f.number, maxTimeout)) * time.Millisecond
		}
	}
	return nil
}

const maxTimeout = uint64(math.MaxInt64 / time.Millisecond)

func payload(src []byte, p *core.Payload) error {
	if p.Text == nil {
		p.Text = []byte{}
	}
	for r := (reader{src}); r.more(); {
		f, err := r.next()
		if err != nil {
			return fmt.Errorf("payload: %w", err)
		}
		switch f.tag {
		case payloadText:
			p.Text = bytes.Clone(f.bytes)
		case payloadAttachments:
			p.Attachments = append(p.Attachments, bytes.Clone(f.bytes))
		}
	}
	return nil
}

func checkPayload(p core.Payload) error {
	if p.Text == nil {
		return nil
	}
	if err := jsontext.Check(p.Text, len(p.Attachments)); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	return nil
}

func socket(src []byte) (s core.Socket, err error) {
	for r := (reader{src}); r.more(); {
		f, err := r.next()
		if err == nil {
			switch f.tag {
			case socketID:
				s.ID, err = f.text()
			case socketRooms:
				s.Rooms, err = appendText(s.Rooms, f)
			case socketHandshake:
				err = payload(f.bytes, &s.Handshake)
			case socketData:
				err = payload(f.bytes, &s.Data)
			}
		}
		if err != nil {
			return s, fmt.Errorf("socket: %w", err)
		}
	}
	if err := checkPayload(s.Handshake); err != nil {
		return s, err
	}
	return s, checkPayload(s.Data)
}

func appendText(list []string, f field) ([]string, error) {
	s, err := f.text()
	return append(list, s), err
}

func count(f field) (int, error) {
	if f.number > math.MaxInt {
		return 0, errHuge
	}
	return int(f.number), nil
}
