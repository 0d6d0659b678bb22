package service

import (
	"errors"
	"slices"
	"testing"

	"github.com/socketmesh/mesh/core"
)

var hostile = [][]byte{
	{}, {0xc0}, {0xc1}, {0x80}, {0x81}, {0x90}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdd, 0xff, 0xff, 0xff, 0xff},
	build(mapOf(2), "type", "update", "servers", listOf(1), nil),
	build(mapOf(2), "type", "update", "servers", listOf(2), listOf(1), mapOf(0), mapOf(1), "serverId", 1),
	build(mapOf(3), "type", "register", "serverId", nil, "address", []byte("x")),
	[]byte("GET / HTTP/1.1\r\n\r\n"),
}

func seed(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.bytes(f))
	}
	for _, message := range hostile {
		f.Add(message)
	}
}

// FuzzRegister decodes any bytes as a registration.
func FuzzRegister(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := decodeRegister(message)
		if err != nil {
			if !errors.Is(err, core.ErrMalformed) && !errors.Is(err, core.ErrUnsupported) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		again, err := decodeRegister(appendRegister(nil, r))
		if err != nil || again != r {
			t.Fatalf("%v became %v, %v", r, again, err)
		}
	})
}

// FuzzUpdate decodes any bytes as an update.
func FuzzUpdate(f *testing.F) {
	const limit = 100
	seed(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		roster, _, err := decodeUpdate(message, limit)
		if err != nil {
			if !errors.Is(err, core.ErrMalformed) && !errors.Is(err, core.ErrUnsupported) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if len(roster) > limit {
			t.Fatalf("%d entries: the limit is %d", len(roster), limit)
		}
		again, skipped, err := decodeUpdate(appendUpdate(nil, roster), limit)
		if err != nil || skipped != 0 || !slices.Equal(again, roster) {
			t.Fatalf("%v became %v, %d skipped, %v", roster, again, skipped, err)
		}
	})
}
