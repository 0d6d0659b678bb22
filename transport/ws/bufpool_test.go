package ws

import (
	"bytes"
	"testing"

	"github.com/socketmesh/mesh/internal/wsframe"
)

func TestPooledSizes(t *testing.T) {
	for size, kept := range map[int]bool{
		0: false, firstBuffer: false, steadyBuffer: false, 2*steadyBuffer - 1: false, 2 * steadyBuffer: true, 3 * steadyBuffer: false,
		4 * steadyBuffer: true, 64 * steadyBuffer: true, 128 * steadyBuffer: false, 1 << 40: false,
	} {
		if got := poolFor(size) != nil; got != kept {
			t.Errorf("%d bytes are kept: %v", size, got)
		}
	}
	for size := 2 * steadyBuffer; size <= 128*steadyBuffer; size *= 2 {
		buf := getBuffer(size)
		if len(buf) != size {
			t.Errorf("%d bytes, want %d", len(buf), size)
		}
		putBuffer(buf)
		if buf = getBuffer(size); len(buf) != size {
			t.Errorf("%d bytes from before, want %d", len(buf), size)
		}
	}
}

// TestLargeMessagesFromPools: a message has nothing of what its buffer held before.
func TestLargeMessagesFromPools(t *testing.T) {
	for round := range byte(8) {
		var src []byte
		var want [][]byte
		for i := range byte(4) {
			large := bytes.Repeat([]byte{16*round + i}, 300_000+int(i)*100_000)
			src, want = append(src, wsframe.New(wsframe.Binary, large)...), append(want, large)
		}
		r := readerOf(bytes.NewReader(src), false)
		for i := range want {
			if got, err := r.next(); err != nil || !bytes.Equal(got, want[i]) {
				t.Fatalf("round %d: message %d has %d bytes and is not what was sent, %v", round, i, len(got), err)
			}
		}
	}
}
