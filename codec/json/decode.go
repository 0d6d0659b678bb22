package json

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/listbounds"
)

var (
	errHeader     = errors.New("no header line")
	errNoKind     = errors.New("no kind")
	errNoFrom     = errors.New("no from")
	errNoRooms    = errors.New("no rooms")
	errShort      = errors.New("payloads end early")
	errNoSocketID = errors.New("socket without an id")
	errTrailing   = errors.New("bytes behind the last payload")
)

func decode(src []byte, m *core.Message) error {
	*m = core.Message{}
	end := bytes.IndexByte(src, '\n')
	if end < 0 {
		return errHeader
	}
	header, blobs := src[:end], bytes.Clone(src[end+1:])
	d := decoder{reader: newReader(header), blobs: blobs}
	if d.fastPath(m) {
		return m.Complete()
	}
	*m = core.Message{}
	if !utf8.Valid(header) {
		return fmt.Errorf("header: %w: not UTF-8", jsonscan.ErrSyntax)
	}
	d.blobs, d.used = blobs, listbounds.Used{}
	if err := d.header(m); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if len(d.blobs) > 0 {
		return errTrailing
	}
	return m.Complete()
}

// decoder decodes a header, and takes the payloads that it announces from blobs.
type decoder struct {
	reader
	blobs []byte // the payloads that were not taken yet, in a copy of the input
	sized bool   // a list of sockets was allocated
	used  listbounds.Used
}

// typicalSocket is the approximate length of a socket in the header, in bytes.
const typicalSocket = 120

func (d *decoder) header(m *core.Message) error {
	kind, sent := int64(-1), false
	err := d.whole(func(key string, value jsonscan.Token) (err error) {
		switch key {
		case "kind":
			kind, err = d.integer(value)
		case "from":
			m.From, err = d.text(value)
			sent = true
		case "nsp":
			m.Namespace, err = d.text(value)
		case "id":
			m.RequestID, err = d.text(value)
		case "trace":
			m.Trace, err = d.text(value)
		case "to":
			err = d.target(value, &m.To)
		case "rooms":
			m.Rooms, err = d.texts(value)
		case "close":
			m.Close, err = d.boolean(value)
		case "brief":
			m.Brief, err = d.boolean(value)
		case "count":
			m.Count, err = d.count(value)
		case "payload":
			m.Payload, err = d.payload(value)
		case "sockets":
			m.Sockets, err = d.sockets(value)
		default:
			_, err = d.Skip(value)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case kind < 0:
		return errNoKind
	case kind > math.MaxUint8 || !core.Kind(kind).Valid():
		return fmt.Errorf("kind %d: %w", kind, core.ErrUnsupported)
	case !sent:
		return errNoFrom
	}
	m.Kind = core.Kind(kind)
	if m.Kind.NeedsRooms() && m.Rooms == nil {
		return errNoRooms
	}
	return nil
}

func (d *decoder) target(first jsonscan.Token, to *core.Target) error {
	return d.object(first, func(key string, value jsonscan.Token) (err error) {
		switch key {
		case "rooms":
			to.Rooms, err = d.texts(value)
		case "except":
			to.Except, err = d.texts(value)
		case "volatile":
			to.Flags.Volatile, err = d.boolean(value)
		case "compress":
			to.Flags.Compress, err = d.compress(value)
		case "single":
			to.Flags.ExpectSingleResponse, err = d.boolean(value)
		case "timeout":
			to.Flags.Timeout, err = d.timeout(value)
		default:
			_, err = d.Skip(value)
		}
		return err
	})
}

func (d *decoder) compress(value jsonscan.Token) (core.Compress, error) {
	on, err := d.boolean(value)
	if on {
		return core.CompressOn, err
	}
	return core.CompressOff, err
}

// timeout reads milliseconds; a negative number means that there is no timeout.
func (d *decoder) timeout(value jsonscan.Token) (time.Duration, error) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	ms, err := d.integer(value)
	return time.Duration(min(max(ms, 0), most)) * time.Millisecond, err
}

func (d *decoder) sockets(first jsonscan.Token) (sockets []core.Socket, err error) {
	err = d.array(first, func(value jsonscan.Token) error {
		if !d.sized { // once, even if a header has several lists
			d.sized = true
			sockets = make([]core.Socket, 0, min(1+len(d.src)/typicalSocket, core.MaxSockets))
		}
		if err := d.used.Sockets(1); err != nil {
			return err
		}
		s, err := d.socket(value)
		sockets = append(sockets, s)
		return err
	})
	return sockets, err
}

func (d *decoder) socket(first jsonscan.Token) (s core.Socket, err error) {
	err = d.object(first, func(key string, value jsonscan.Token) (err error) {
		switch key {
		case "id":
			s.ID, err = d.text(value)
		case "rooms":
			s.Rooms, err = d.texts(value)
		case "address":
			s.Address, err = d.text(value)
		case "handshake":
			s.Handshake, err = d.payload(value)
		case "data":
			s.Data, err = d.payload(value)
		default:
			_, err = d.Skip(value)
		}
		return err
	})
	if err == nil && s.ID == "" { // at once, before there are millions of them
		err = errNoSocketID
	}
	return s, err
}

// texts reads an array of strings. The result is not nil.
func (d *decoder) texts(first jsonscan.Token) ([]string, error) {
	list := []string{}
	err := d.array(first, func(value jsonscan.Token) error {
		if err := d.used.Names(1); err != nil {
			return err
		}
		s, err := d.text(value)
		list = append(list, s)
		return err
	})
	return list, err
}

// payload reads a list of lengths, and takes that many bytes from blobs.
func (d *decoder) payload(first jsonscan.Token) (p core.Payload, err error) {
	err = d.array(first, func(value jsonscan.Token) error {
		blob, err := d.blob(value)
		if err != nil {
			return err
		}
		if p.Text == nil {
			p.Text = blob
			return nil
		}
		p.Attachments = append(p.Attachments, blob)
		return d.used.Attachments(1)
	})
	if err != nil {
		return p, err
	}
	if err := jsonscan.Check(p.Text, len(p.Attachments)); err != nil {
		return p, fmt.Errorf("payload: %w", err)
	}
	return p, nil
}

func (d *decoder) blob(value jsonscan.Token) ([]byte, error) {
	n, err := d.count(value)
	if err != nil {
		return nil, err
	}
	if n > len(d.blobs) {
		return nil, errShort
	}
	blob := d.blobs[:n:n]
	d.blobs = d.blobs[n:]
	return blob, nil
}
