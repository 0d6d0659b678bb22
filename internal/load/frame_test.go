package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/internal/wsframe"
)

const (
	finBit  = 0x80
	maskBit = 0x80
)

// serverFrame is a frame as servers send it.
func serverFrame(op wsframe.Opcode, final bool, payload string) []byte {
	b := []byte{byte(op)}
	if final {
		b[0] |= finBit
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

func TestReadFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := strings.Repeat("x", size)
		whole := serverFrame(wsframe.Text, true, payload)
		f, n, err := readFrame(append(whole, "more"...))
		if err != nil || n != len(whole) || f.op != wsframe.Text || !f.final || string(f.payload) != payload {
			t.Errorf("%d bytes: %d used of %d, %v", size, n, len(whole), err)
		}
		for _, short := range []int{0, 1, 2, 3, 5, 9, len(whole) - 1} {
			if short >= len(whole) {
				continue
			}
			if _, n, err := readFrame(whole[:short]); n != 0 || err != nil {
				t.Errorf("%d of %d bytes: %d used, %v", short, len(whole), n, err)
			}
		}
	}
	for name, bad := range map[string][]byte{
		"masked":     {0x81, 0x81, 0, 0, 0, 0, 'x'},
		"compressed": {0xc1, 1, 'x'},
		"endless":    {0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, _, err := readFrame(bad); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	for _, size := range []int{0, 125, 126, 65535, 65536} {
		b := appendFrame([]byte("before"), wsframe.Text, strings.Repeat("x", size))
		b = b[len("before"):]
		if b[0] != finBit|byte(wsframe.Text) || b[1]&maskBit == 0 {
			t.Fatalf("%d bytes: header % x", size, b[:2])
		}
		// Without the mask it is what a server would send.
		b[1] &^= maskBit
		at := len(b) - size
		if !bytes.Equal(b[at-4:at], make([]byte, 4)) {
			t.Fatalf("%d bytes: mask % x", size, b[at-4:at])
		}
		b = append(b[:at-4], b[at:]...)
		if f, n, err := readFrame(b); err != nil || n != len(b) || len(f.payload) != size {
			t.Errorf("%d bytes: %d used of %d, %v", size, n, len(b), err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(serverFrame(wsframe.Text, true, "2"))
	f.Add(serverFrame(wsframe.Text, false, strings.Repeat("x", 300)))
	f.Add([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := readFrame(b)
		switch {
		case err != nil && n != 0, n < 0, n > len(b), n > 0 && len(frame.payload) >= n:
			t.Fatalf("%d used of %d, payload %d, %v", n, len(b), len(frame.payload), err)
		}
	})
}

func TestStamp(t *testing.T) {
	for _, s := range []stamp{{}, {1<<32 - 1, 1<<32 - 1, 1<<16 - 1, timeMask}, {5, 6, 7, 8}} {
		b := make([]byte, stampSize+3)
		s.put(b)
		if got, ok := readStamp(b); !ok || got != s {
			t.Errorf("%+v, want %+v", got, s)
		}
	}
	if _, ok := readStamp(make([]byte, stampSize)); ok {
		t.Error("zeros are a stamp")
	}
	if _, ok := readStamp([]byte("0123")); ok {
		t.Error("a part is a stamp")
	}
	const now = int64(5)<<48 + 100 // the clock has gone round
	if age := (stamp{at: 50}).age(now); age != 50 {
		t.Errorf("age %d, want 50", age)
	}
	if age := (stamp{at: timeMask - 9}).age(now); age != 110 {
		t.Errorf("age %d, want 110", age)
	}
	if age := (stamp{at: 150}).age(now); age != -50 {
		t.Errorf("age %d, want -50", age)
	}
}
