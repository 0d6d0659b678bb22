package wsframe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// edge is a stream of a client at an edge of RFC 6455 or RFC 7692, and what comes of
// it: what the sink gets, and the close code that the client is told, 0 for none.
type edge struct {
	name   string
	frames [][]byte
	want   []string
	code   uint16
}

func message(op Opcode, payload string) string { return fmt.Sprintf("message %d %x", op, payload) }
func control(op Opcode, payload string) string { return fmt.Sprintf("control %d %x", op, payload) }

// closing is a client's Close frame with a code and a reason.
func closing(code uint16, reason string) []byte {
	return masked(0x88, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// wide is a client's frame whose length is written in 2 or 8 bytes, needed or not.
func wide(first byte, bytes int, payload string) []byte {
	narrow := masked(first, payload)
	frame := []byte{first, maskBit | 126}
	if bytes == 8 {
		frame = binary.BigEndian.AppendUint64([]byte{first, maskBit | 127}, uint64(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(payload)))
	}
	return append(frame, narrow[2:]...) // whose payload is a short one
}

// edges are those that the well-known conformance suites of WebSockets try, by their
// chapters: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, closing,
// compression.
func edges() []edge {
	const hello = "héllo €\U0001F600"
	byByte := [][]byte{masked(0x01, "")}
	for i := range len(hello) {
		byByte = append(byByte, masked(0x00, hello[i:i+1]), masked(0x89, ""))
	}
	byByte = append(byByte, masked(0x80, ""))
	byByteWant := slices.Repeat([]string{control(Ping, "")}, len(hello))
	byByteWant = append(byByteWant, message(Text, hello))
	full := strings.Repeat("p", MaxControl)
	list := []edge{
		{"text of nothing", [][]byte{masked(0x81, "")}, []string{message(Text, "")}, 0},
		{"length in 2 bytes that fits 1", [][]byte{wide(0x81, 2, "a")}, []string{message(Text, "a")}, 0},
		{"length in 8 bytes that fits 1", [][]byte{wide(0x82, 8, "a")}, []string{message(Binary, "a")}, 0},
		{"control frame's length in 2 bytes", [][]byte{wide(0x89, 2, "a")}, nil, 1002},
		{"control frame's length in 8 bytes", [][]byte{wide(0x8a, 8, "a")}, nil, 1002},
		{"mask of zeros", [][]byte{{0x81, 0x81, 0, 0, 0, 0, 'a'}}, []string{message(Text, "a")}, 0},
		{"no mask", [][]byte{{0x81, 0x01, 'a'}}, nil, 1002},
		{"no mask on a ping", [][]byte{{0x89, 0x00}}, nil, 1002},

		{"ping of nothing", [][]byte{masked(0x89, "")}, []string{control(Ping, "")}, 0},
		{"ping of bytes", [][]byte{masked(0x89, "\x00\xff\xfe")}, []string{control(Ping, "\x00\xff\xfe")}, 0},
		{"longest ping", [][]byte{masked(0x89, full)}, []string{control(Ping, full)}, 0},
		{"ping too long", [][]byte{masked(0x89, full+"p")}, nil, 1002},
		{"pong nobody asked for", [][]byte{masked(0x8a, "x")}, []string{control(Pong, "x")}, 0},
		{"pong too long", [][]byte{masked(0x8a, full+"p")}, nil, 1002},

		{"message behind a good one", [][]byte{masked(0x81, "a"), masked(0x83, "b")}, []string{message(Text, "a")}, 1002},
		{"continuation with reserved bit", [][]byte{masked(0x01, "a"), masked(0x90, "b")}, nil, 1002},

		{"ping in pieces", [][]byte{masked(0x09, "a"), masked(0x80, "b")}, nil, 1002},
		{"pong in pieces", [][]byte{masked(0x0a, "a"), masked(0x80, "b")}, nil, 1002},
		{"close in pieces", [][]byte{masked(0x08, "\x03"), masked(0x80, "\xe8")}, nil, 1002},
		{"continuation of nothing", [][]byte{masked(0x80, "a")}, nil, 1002},
		{"continuation of nothing, more to come", [][]byte{masked(0x00, "a")}, nil, 1002},
		{"continuation of what has ended", [][]byte{masked(0x01, "a"), masked(0x80, "b"), masked(0x80, "c")}, []string{message(Text, "ab")}, 1002},
		{"text within a text", [][]byte{masked(0x01, "a"), masked(0x01, "b")}, nil, 1002},
		{"bytes within a text", [][]byte{masked(0x01, "a"), masked(0x82, "b")}, nil, 1002},
		{"pings and pongs within a message", [][]byte{masked(0x02, "a"), masked(0x89, "x"), masked(0x00, "b"), masked(0x8a, "y"), masked(0x80, "c")},
			[]string{control(Ping, "x"), control(Pong, "y"), message(Binary, "abc")}, 0},
		{"close within a message", [][]byte{masked(0x01, "a"), closing(1000, "")}, []string{control(Close, "\x03\xe8")}, 0},
		{"pieces of nothing", [][]byte{masked(0x01, ""), masked(0x00, ""), masked(0x80, "")}, []string{message(Text, "")}, 0},

		{"characters over frames", byByte, byByteWant, 0},
		{"text ends within a character", [][]byte{masked(0x81, "h\xc3")}, nil, 1007},
		{"text in pieces ends within a character", [][]byte{masked(0x01, "h"), masked(0x80, "\xe2\x82")}, nil, 1007},
		{"bytes that are no text", [][]byte{masked(0x82, "\xff\xfe\xc3")}, []string{message(Binary, "\xff\xfe\xc3")}, 0},
		{"bytes in pieces that are no text", [][]byte{masked(0x02, "\xff"), masked(0x80, "\xfe")}, []string{message(Binary, "\xff\xfe")}, 0},

		{"close of nothing", [][]byte{masked(0x88, "")}, []string{control(Close, "")}, 0},
		{"half a close code", [][]byte{masked(0x88, "\x03")}, nil, 1002},
		{"close with a reason", [][]byte{closing(1000, "bye €")}, []string{control(Close, "\x03\xe8bye €")}, 0},
		{"longest close", [][]byte{closing(1000, full[2:])}, []string{control(Close, "\x03\xe8"+full[2:])}, 0},
		{"close too long", [][]byte{closing(1000, full)}, nil, 1002},
		{"close with a reason that is no text", [][]byte{closing(1000, "\xce\xba\xed\xa0\x80")}, nil, 1007},
		{"close with a reason that is cut off", [][]byte{closing(1001, "\xe2\x82")}, nil, 1007},

		{"deflated", [][]byte{masked(0xc1, deflated(hello))}, []string{message(Text, hello)}, 0},
		{"deflated bytes in pieces", [][]byte{masked(0x42, deflated("ab")[:1]), masked(0x89, ""), masked(0x80, deflated("ab")[1:])},
			[]string{control(Ping, ""), message(Binary, "ab")}, 0},
		{"deflated text of nothing", [][]byte{masked(0xc1, "\x00")}, []string{message(Text, "")}, 0},
		{"deflated with a last block", [][]byte{masked(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, []string{message(Text, "Hello")}, 0},
		{"deflated without compression", [][]byte{masked(0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")}, []string{message(Text, "Hello")}, 0},
		{"deflated text that is not UTF-8", [][]byte{masked(0xc1, deflated("a\xff"))}, nil, 1007},
		{"deflated bytes that are no text", [][]byte{masked(0xc2, deflated("a\xff"))}, []string{message(Binary, "a\xff")}, 0},
		{"deflated continuation", [][]byte{masked(0x41, deflated("a")), masked(0xc0, "")}, nil, 1002},
		{"deflated ping", [][]byte{masked(0xc9, "")}, nil, 1002},
		{"deflated close", [][]byte{masked(0xc8, "")}, nil, 1002},
		{"not deflated, though it says so", [][]byte{masked(0xc1, "\xff\xff")}, nil, 1002},
	}
	for bits := byte(0x10); bits <= 0x30; bits += 0x10 {
		for _, op := range []byte{0x1, 0x2, 0x8, 0x9, 0xa} {
			list = append(list, edge{fmt.Sprintf("reserved bits %02x, opcode %x", bits, op), [][]byte{masked(0x80|bits|op, "")}, nil, 1002})
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		list = append(list, edge{fmt.Sprintf("opcode %x", op), [][]byte{masked(0x80|op, "")}, nil, 1002})
	}
	for i, bad := range []string{"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xfe", "\x80", "\xf8\x88\x80\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80"} {
		list = append(list, edge{fmt.Sprintf("text that is not UTF-8, %d", i), [][]byte{masked(0x81, "a"+bad+"b")}, nil, 1007})
	}
	for _, good := range []string{"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff"} {
		list = append(list, edge{fmt.Sprintf("text %+q", good), [][]byte{masked(0x81, good)}, []string{message(Text, good)}, 0})
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		list = append(list, edge{fmt.Sprintf("close code %d", code), [][]byte{closing(code, "")}, []string{fmt.Sprintf("control 8 %04x", code)}, 0})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		list = append(list, edge{fmt.Sprintf("close code %d", code), [][]byte{closing(code, "")}, nil, 1002})
	}
	return list
}

// TestReaderTakesPiecesOfAnySize: whatever size the pieces have in which it comes.
func TestReaderTakesPiecesOfAnySize(t *testing.T) {
	for _, e := range edges() {
		t.Run(e.name, func(t *testing.T) {
			stream := slices.Concat(e.frames...)
			for _, size := range []int{1, 2, 7, len(stream)} {
				var got log
				r := Reader{Limit: 1000, Deflate: true}
				var err error
				for piece := range slices.Chunk(slices.Clone(stream), size) {
					if err = r.Feed(piece, &got); err != nil {
						break
					}
				}
				if code := CodeFor(err); code != e.code || err == nil != (code == 0) || !slices.Equal(got.lines, e.want) {
					t.Errorf("in pieces of %d: %q, %v, code %d, want %q, %d", size, got.lines, err, code, e.want, e.code)
				}
			}
		})
	}
}

// TestDeflatedWithoutAgreement: who has not agreed upon permessage-deflate does not
// get to know its bit.
func TestDeflatedWithoutAgreement(t *testing.T) {
	var r Reader
	if err := r.Feed(masked(0xc1, deflated("a")), new(log)); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v", err)
	}
}

func TestCodeFor(t *testing.T) {
	for want, err := range map[uint16]error{
		1002: fmt.Errorf("x: %w", ErrProtocol), 1007: fmt.Errorf("x: %w", ErrNotUTF8), 1009: fmt.Errorf("x: %w", ErrTooLarge), 0: errors.New("x"),
	} {
		if got := CodeFor(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// textSink checks what a [Reader] promises of what it hands over.
type textSink struct {
	log
	t *testing.T
}

func (s *textSink) Message(op Opcode, payload []byte) {
	if op == Text && !utf8.Valid(payload) {
		s.t.Errorf("text %q", payload)
	}
	s.log.Message(op, payload)
}

func (s *textSink) Control(op Opcode, payload []byte) {
	if _, _, err := ReadClose(payload); op == Close && err != nil {
		s.t.Errorf("close %q: %v", payload, err)
	}
	s.log.Control(op, payload)
}

func BenchmarkReaderText(b *testing.B) {
	for name, payload := range map[string]string{
		"100B": strings.Repeat("a", 100), "4KiB": strings.Repeat("abcdefgh", 512), "4KiB of 3 bytes": strings.Repeat("€", 4096/3),
	} {
		frame := masked(0x81, payload)
		b.Run(name, func(b *testing.B) {
			var sink nothing
			r := Reader{}
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if err := r.Feed(frame, sink); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type nothing struct{}

func (nothing) Message(Opcode, []byte) {}
func (nothing) Control(Opcode, []byte) {}
