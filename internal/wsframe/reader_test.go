package wsframe

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// log is a sink that writes down what it gets.
type log struct{ lines []string }

func (l *log) Message(op Opcode, payload []byte) {
	l.lines = append(l.lines, fmt.Sprintf("message %d %x", op, payload))
}

func (l *log) Control(op Opcode, payload []byte) {
	l.lines = append(l.lines, fmt.Sprintf("control %d %x", op, payload))
}

// masked is a client's frame: first byte, then the payload under a mask.
func masked(first byte, payload string) []byte {
	frame := appendHeader(nil, first, len(payload))
	frame[1] |= maskBit
	mask := [4]byte{0x11, 0x22, 0x33, 0x44}
	frame = append(frame, mask[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^mask[i&3])
	}
	return frame
}

func deflated(payload string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write([]byte(payload))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), flushTail)
}

func TestReader(t *testing.T) {
	long, longer := strings.Repeat("a", 300), strings.Repeat("b", 70_000)
	for _, test := range []struct {
		name   string
		frames [][]byte
		want   []string
		err    error
	}{
		{"text", [][]byte{masked(0x81, "hello world")}, []string{fmt.Sprintf("message 1 %x", "hello world")}, nil},
		{"binary", [][]byte{masked(0x82, "\x00\x01")}, []string{"message 2 0001"}, nil},
		{"empty", [][]byte{masked(0x81, ""), masked(0x82, "")}, []string{"message 1 ", "message 2 "}, nil},
		{"lengths", [][]byte{masked(0x81, long), masked(0x81, longer)},
			[]string{fmt.Sprintf("message 1 %x", long), fmt.Sprintf("message 1 %x", longer)}, nil},
		{"pieces", [][]byte{masked(0x01, "ab"), masked(0x89, "p"), masked(0x00, ""), masked(0x80, "cde")},
			[]string{fmt.Sprintf("control 9 %x", "p"), fmt.Sprintf("message 1 %x", "abcde")}, nil},
		{"controls", [][]byte{masked(0x88, "\x03\xe8"), masked(0x8a, "")}, []string{"control 8 03e8", "control 10 "}, nil},
		{"deflated", [][]byte{masked(0xc1, deflated(long)), masked(0x81, "x"), masked(0x41, deflated("yz")[:2]), masked(0x80, deflated("yz")[2:])},
			[]string{fmt.Sprintf("message 1 %x", long), "message 1 78", fmt.Sprintf("message 1 %x", "yz")}, nil},
		{"bomb", [][]byte{masked(0xc1, deflated(strings.Repeat("0", 200_000)))}, nil, ErrTooLarge},
		{"not deflated", [][]byte{masked(0xc1, "\xff\xff\xff")}, nil, ErrProtocol},
		{"no mask", [][]byte{New(Text, []byte("x"))}, nil, ErrProtocol},
		{"reserved bits", [][]byte{masked(0xa1, "x")}, nil, ErrProtocol},
		{"deflated continuation", [][]byte{masked(0x01, "x"), masked(0xc0, "x")}, nil, ErrProtocol},
		{"unknown opcode", [][]byte{masked(0x83, "x")}, nil, ErrProtocol},
		{"unknown control", [][]byte{masked(0x8b, "x")}, nil, ErrProtocol},
		{"continuation of nothing", [][]byte{masked(0x80, "x")}, nil, ErrProtocol},
		{"message in a message", [][]byte{masked(0x01, "x"), masked(0x81, "x")}, nil, ErrProtocol},
		{"control in pieces", [][]byte{masked(0x09, "x")}, nil, ErrProtocol},
		{"long control", [][]byte{masked(0x89, strings.Repeat("x", 126))}, nil, ErrProtocol},
		{"too large", [][]byte{masked(0x81, strings.Repeat("x", 100_001))}, nil, ErrTooLarge},
		{"too large in pieces", [][]byte{masked(0x01, strings.Repeat("x", 60_000)), masked(0x80, strings.Repeat("x", 60_000))}, nil, ErrTooLarge},
		{"negative length", [][]byte{binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63), {0, 0, 0, 0}}, nil, ErrProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			stream := slices.Concat(test.frames...)
			for _, size := range []int{1, 7, len(stream)} {
				var got log
				r := Reader{Limit: 100_000, Deflate: true}
				var err error
				for piece := range slices.Chunk(slices.Clone(stream), size) {
					if err = r.Feed(piece, &got); err != nil {
						break
					}
				}
				if !errors.Is(err, test.err) || !slices.Equal(got.lines, test.want) {
					t.Errorf("in pieces of %d: %.200q, %v", size, got.lines, err)
				}
				if err == nil && !r.Idle() {
					t.Errorf("in pieces of %d: not idle", size)
				}
			}
		})
	}
}

// TestReaderMemory: who announces much does not get the memory for it.
func TestReaderMemory(t *testing.T) {
	var r Reader
	head := masked(0x82, strings.Repeat("x", 1<<20))[:14]
	if err := r.Feed(head, new(log)); err != nil {
		t.Fatal(err)
	}
	if c := cap(r.message); c > patience {
		t.Errorf("%d bytes for an announcement", c)
	}
	if r.Idle() {
		t.Error("idle in the middle of a frame")
	}
}

func TestFrames(t *testing.T) {
	for _, n := range []int{0, 125, 126, 0xffff, 0x10000} {
		frame := New(Binary, make([]byte, n))
		if len(frame) != Size(n) {
			t.Errorf("payload of %d: frame of %d, Size says %d", n, len(frame), Size(n))
		}
	}
	if got := NewClose(1000); !bytes.Equal(got, []byte{0x88, 2, 3, 0xe8}) {
		t.Errorf("close: %x", got)
	}
	if got := NewClose(0); !bytes.Equal(got, []byte{0x88, 0}) {
		t.Errorf("close without code: %x", got)
	}
	text := strings.Repeat("deflate me ", 100)
	frame := NewDeflated(Text, []byte(text))
	if frame[0] != 0xc1 || len(frame) > 100 {
		t.Errorf("first byte %x, %d bytes", frame[0], len(frame))
	}
	got, err := inflate(frame[2:], 0)
	if err != nil || string(got) != text {
		t.Errorf("inflated %.50q, %v", got, err)
	}
}

// FuzzReader: bytes of a client never panic, and mean the same in one piece and
// byte by byte.
func FuzzReader(f *testing.F) {
	for _, e := range edges() {
		f.Add(slices.Concat(e.frames...))
	}
	f.Add(slices.Concat(masked(0x01, "a"), masked(0x89, "b"), masked(0x80, "c")))
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, bytewise := textSink{t: t}, textSink{t: t}
		one := Reader{Limit: 1 << 16, Deflate: true}
		err := one.Feed(slices.Clone(stream), &whole)
		each := Reader{Limit: 1 << 16, Deflate: true}
		var eachErr error
		for i := range stream {
			if eachErr = each.Feed(stream[i:i+1], &bytewise); eachErr != nil {
				break
			}
		}
		if (err == nil) != (eachErr == nil) || err != nil && CodeFor(err) == 0 || !slices.Equal(whole.lines, bytewise.lines) {
			t.Errorf("%v, %v\n%q\n%q", err, eachErr, whole.lines, bytewise.lines)
		}
	})
}
