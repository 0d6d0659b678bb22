package fetch

import (
	"bytes"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
)

// handshakeReader decodes handshakes, one after the other, as decodeHandshake does and
// several times as fast: the handshakes of one answer resemble each other, and the reader
// reuses the strings that one has in common with the one before. Handshakes share strings
// and nothing else. The zero value is ready, for one goroutine.
type handshakeReader struct {
	headers, query, auth objectReader
	time, address, url   stringCache
}

// read decodes one handshake. It leaves shapes that it does not know to decodeHandshake.
func (r *handshakeReader) read(p core.Payload) (*description, error) {
	if len(p.Attachments) == 0 && utf8.Valid(p.Text) {
		h := &description{}
		if err := r.scan(p.Text, h); err == nil {
			return h, nil
		}
	}
	return decodeHandshake(p)
}

// errUnknownShape says that a handshake does not have the usual members.
var errUnknownShape = errors.New("not the usual shape")

// scan overwrites h. Of duplicate members the last one wins.
func (r *handshakeReader) scan(text []byte, h *description) error {
	s := jsonscan.NewScanner(text)
	first, err := s.Next()
	if err != nil {
		return err
	}
	if first.Kind != jsonscan.Object {
		return errUnknownShape
	}
	for {
		key, err := s.Next()
		if err != nil {
			return err
		}
		if key.Kind == jsonscan.ObjectEnd {
			_, err := s.Next() // nothing may follow
			return err
		}
		if key.Escaped {
			return errUnknownShape
		}
		value, err := s.Next()
		if err != nil {
			return err
		}
		if err := r.member(&s, string(key.Text), value, h); err != nil {
			return err
		}
	}
}

func (r *handshakeReader) member(s *jsonscan.Scanner, name string, value jsonscan.Token, h *description) (err error) {
	switch name {
	case "headers":
		r.headers.nameOf = http.CanonicalHeaderKey
		h.headers, err = r.headers.read(s, value)
	case "query":
		h.query, err = r.query.read(s, value)
	case "auth":
		h.auth, err = r.auth.read(s, value)
	case "time":
		h.rest.Time, err = r.time.read(s, value)
		h.rest.Time = goTime(h.rest.Time)
	case "address":
		h.rest.Address, err = r.address.read(s, value)
	case "url":
		h.rest.Url, err = r.url.read(s, value)
	case "xdomain":
		h.rest.Xdomain, err = readBool(s, value)
	case "secure":
		h.rest.Secure, err = readBool(s, value)
	case "issued":
		h.rest.Issued, err = readInt(s, value)
	default:
		_, err = s.Value(value)
	}
	return err
}

// stringCache decodes strings that are often the same as the one before.
type stringCache struct {
	raw   []byte
	value string
}

func (t *stringCache) read(s *jsonscan.Scanner, value jsonscan.Token) (string, error) {
	if value.Kind != jsonscan.String {
		_, err := s.Value(value)
		return "", err
	}
	if !bytes.Equal(value.Text, t.raw) {
		t.raw = append(t.raw[:0], value.Text...)
		t.value = value.Unquoted()
	}
	return t.value, nil
}

func readBool(s *jsonscan.Scanner, value jsonscan.Token) (bool, error) {
	_, err := s.Value(value)
	return value.Kind == jsonscan.True, err
}

func readInt(s *jsonscan.Scanner, value jsonscan.Token) (int64, error) {
	number, err := s.Value(value)
	f, _ := number.(float64)
	return int64(f), err
}
