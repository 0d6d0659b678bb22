package sioparser

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// decode decodes a packet: its type, for binary packets the number of attachments and "-",
// the namespace and "," unless it is the main one, the id if there is one, and a JSON
// value. What follows the value is ignored.
func decode(text []byte) (*parser.Packet, error) {
	if len(text) == 0 {
		return nil, parser.ErrInvalidPayload
	}
	p := &parser.Packet{Type: parser.PacketType(int(text[0]) - '0')}
	if !p.Type.Valid() {
		return nil, fmt.Errorf("unknown packet type %d", p.Type)
	}
	rest, err := attachments(p, text[1:])
	if err != nil {
		return nil, err
	}
	if rest, err = namespace(p, rest); err != nil {
		return nil, err
	}
	if rest, err = id(p, rest); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		if p.Data, err = value(rest); err != nil {
			return nil, parser.ErrInvalidPayload
		}
	}
	if !valid(p.Type, p.Data) {
		return nil, parser.ErrInvalidPayload
	}
	return p, nil
}

func attachments(p *parser.Packet, text []byte) (rest []byte, err error) {
	if p.Type != parser.BINARY_EVENT && p.Type != parser.BINARY_ACK {
		return text, nil
	}
	digits, rest, found := bytes.Cut(text, []byte("-"))
	if !found {
		return nil, parser.ErrIllegalAttachments
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return nil, parser.ErrIllegalAttachments
	}
	if n > parser.DefaultMaxAttachments {
		return nil, parser.ErrTooManyAttachments
	}
	p.Attachments = new(n)
	return rest, nil
}

func namespace(p *parser.Packet, text []byte) (rest []byte, err error) {
	if len(text) == 0 || text[0] != '/' {
		p.Nsp = "/"
		return text, nil
	}
	name, rest, _ := bytes.Cut(text, []byte(","))
	if len(name) > parser.DefaultMaxNamespaceLength {
		return nil, parser.ErrIllegalNamespace
	}
	p.Nsp = string(name)
	return rest, nil
}

// id accepts fewer digits than would fit into a uint64, as the library does.
func id(p *parser.Packet, text []byte) (rest []byte, err error) {
	n, i := uint64(0), 0
	for ; i < len(text) && text[i]-'0' < 10; i++ {
		if i+1 >= parser.DefaultMaxPacketIDLength {
			return nil, parser.ErrIllegalID
		}
		n = n*10 + uint64(text[i]-'0')
	}
	if i > 0 {
		p.Id = new(n)
	}
	return text[i:], nil
}

// valid reports whether packets of the type may carry such data.
func valid(kind parser.PacketType, data any) bool {
	switch kind {
	case parser.CONNECT:
		_, object := data.(map[string]any)
		return object || data == nil
	case parser.DISCONNECT:
		return data == nil
	case parser.CONNECT_ERROR:
		switch data.(type) {
		case map[string]any, string:
			return true
		}
		return false
	case parser.ACK, parser.BINARY_ACK:
		_, array := data.([]any)
		return array
	}
	return validEvent(data)
}

// validEvent reports whether data is an array that begins with an event's name: a string
// that the library does not reserve, or a number.
func validEvent(data any) bool {
	args, _ := data.([]any)
	if len(args) == 0 {
		return false
	}
	switch name := args[0].(type) {
	case string:
		return !parser.ReservedEvents.Has(name)
	case float64:
		return true
	}
	return false
}
