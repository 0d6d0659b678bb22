package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// msgpackParser is a parser of the application's own: the counterpart of npm's
// socket.io-msgpack-parser. A packet is one binary message.
type msgpackParser struct{}

func (msgpackParser) NewEncoder() parser.Encoder { return msgpackEncoder{} }
func (msgpackParser) NewDecoder() parser.Decoder { return &msgpackDecoder{types.NewEventEmitter()} }

type msgpackEncoder struct{}

func (msgpackEncoder) Encode(p *parser.Packet) []types.BufferInterface {
	kind := p.Type
	switch kind { // binary data is nothing special here
	case parser.BINARY_EVENT:
		kind = parser.EVENT
	case parser.BINARY_ACK:
		kind = parser.ACK
	}
	packet := map[string]any{"type": int(kind), "nsp": p.Nsp}
	if p.Data != nil {
		packet["data"] = p.Data
	}
	if p.Id != nil {
		packet["id"] = *p.Id
	}
	return []types.BufferInterface{types.NewBytesBuffer(pack(nil, packet))}
}

type msgpackDecoder struct{ types.EventEmitter }

func (d *msgpackDecoder) Add(data any) error {
	var raw []byte
	switch v := data.(type) {
	case []byte:
		raw = v
	case types.BufferInterface:
		raw = v.Bytes()
	case io.Reader:
		var err error
		if raw, err = io.ReadAll(v); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a %T is not a packet", data)
	}
	value, rest, err := unpack(raw)
	if err != nil {
		return err
	}
	packet, ok := value.(map[string]any)
	if !ok || len(rest) > 0 {
		return errors.New("not a packet")
	}
	kind, ok := packet["type"].(float64)
	if !ok || kind != math.Trunc(kind) || kind < float64(parser.CONNECT) || kind > float64(parser.CONNECT_ERROR) {
		return errors.New("invalid packet type")
	}
	p := &parser.Packet{Type: parser.PacketType(kind), Data: packet["data"]}
	if p.Nsp, ok = packet["nsp"].(string); !ok {
		return errors.New("invalid namespace")
	}
	if id, ok := packet["id"].(float64); ok {
		n := uint64(id)
		p.Id = &n
	}
	if _, isList := p.Data.([]any); !isList && (p.Type == parser.EVENT || p.Type == parser.ACK) {
		return errors.New("invalid payload")
	}
	d.Emit("decoded", p)
	return nil
}

func (*msgpackDecoder) Destroy() {}

// pack appends a value.
func pack(to []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(to, 0xc0)
	case bool:
		if v {
			return append(to, 0xc3)
		}
		return append(to, 0xc2)
	case int:
		return pack(to, float64(v))
	case uint64:
		return pack(to, float64(v))
	case float64:
		if v >= 0 && v < 128 && v == math.Trunc(v) && !math.Signbit(v) {
			return append(to, byte(v))
		}
		return binary.BigEndian.AppendUint64(append(to, 0xcb), math.Float64bits(v))
	case string:
		return append(binary.BigEndian.AppendUint32(append(to, 0xdb), uint32(len(v))), v...)
	case []byte:
		return append(binary.BigEndian.AppendUint32(append(to, 0xc6), uint32(len(v))), v...)
	case types.BufferInterface:
		return pack(to, v.Bytes())
	case time.Time:
		return pack(to, v.Format("2006-01-02T15:04:05.000Z07:00"))
	case func():
		return append(to, 0xd4, 0, 0) // as notepack.io has undefined
	case []any:
		to = binary.BigEndian.AppendUint32(append(to, 0xdd), uint32(len(v)))
		for _, item := range v {
			to = pack(to, item)
		}
		return to
	case map[string]any:
		to = binary.BigEndian.AppendUint32(append(to, 0xdf), uint32(len(v)))
		for key, item := range v {
			to = pack(pack(to, key), item)
		}
		return to
	}
	text, err := json.Marshal(value)
	var plain any
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil {
		panic(fmt.Errorf("a %T cannot be packed: %w", value, err))
	}
	return pack(to, plain)
}

var errShort = errors.New("the packet ends too early")

// unpack reads a value. Numbers are float64, which handlers get from the library's own
// parser.
func unpack(from []byte) (value any, rest []byte, err error) {
	if len(from) == 0 {
		return nil, nil, errShort
	}
	kind, from := from[0], from[1:]
	switch {
	case kind < 0x80:
		return float64(kind), from, nil
	case kind < 0x90:
		return unpackMap(from, int(kind&15))
	case kind < 0xa0:
		return unpackList(from, int(kind&15))
	case kind < 0xc0:
		return unpackText(from, int(kind&31))
	case kind >= 0xe0:
		return float64(int8(kind)), from, nil
	}
	width := map[byte]int{0xc4: 1, 0xc5: 2, 0xc6: 4, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
		0xd4: 2, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4}[kind]
	if len(from) < width {
		return nil, nil, errShort
	}
	var n uint64
	for _, b := range from[:width] {
		n = n<<8 | uint64(b)
	}
	from = from[width:]
	switch kind {
	case 0xc0, 0xd4: // null, and notepack.io's undefined
		return nil, from, nil
	case 0xc2, 0xc3:
		return kind == 0xc3, from, nil
	case 0xc4, 0xc5, 0xc6:
		if uint64(len(from)) < n {
			return nil, nil, errShort
		}
		return append([]byte{}, from[:n]...), from[n:], nil
	case 0xca:
		return float64(math.Float32frombits(uint32(n))), from, nil
	case 0xcb:
		return math.Float64frombits(n), from, nil
	case 0xcc, 0xcd, 0xce, 0xcf:
		return float64(n), from, nil
	case 0xd0:
		return float64(int8(n)), from, nil
	case 0xd1:
		return float64(int16(n)), from, nil
	case 0xd2:
		return float64(int32(n)), from, nil
	case 0xd3:
		return float64(int64(n)), from, nil
	case 0xd9, 0xda, 0xdb:
		return unpackText(from, int(n))
	case 0xdc, 0xdd:
		return unpackList(from, int(n))
	case 0xde, 0xdf:
		return unpackMap(from, int(n))
	}
	return nil, nil, fmt.Errorf("unknown kind 0x%x", kind)
}

func unpackText(from []byte, n int) (any, []byte, error) {
	if len(from) < n {
		return nil, nil, errShort
	}
	return string(from[:n]), from[n:], nil
}

func unpackList(from []byte, n int) (any, []byte, error) {
	list := []any{}
	for range n {
		item, rest, err := unpack(from)
		if err != nil {
			return nil, nil, err
		}
		list, from = append(list, item), rest
	}
	return list, from, nil
}

func unpackMap(from []byte, n int) (any, []byte, error) {
	object := map[string]any{}
	for range n {
		key, rest, err := unpack(from)
		if err != nil {
			return nil, nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, nil, errors.New("a key is not text")
		}
		if object[name], from, err = unpack(rest); err != nil {
			return nil, nil, err
		}
	}
	return object, from, nil
}
