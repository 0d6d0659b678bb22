package wsframe

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestMask compares with the words of RFC 6455, section 5.3, for payloads of all
// lengths, in one piece and in two, apart and in place.
func TestMask(t *testing.T) {
	for size := range 300 {
		src := make([]byte, size)
		for i := range src {
			src[i] = byte(rand.Uint32())
		}
		key := Key(rand.Uint32() | 1)
		octets := binary.LittleEndian.AppendUint32(nil, uint32(key))
		want := make([]byte, size)
		for i := range src {
			want[i] = src[i] ^ octets[i%4]
		}
		got := make([]byte, size)
		key.Mask(got, src)
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: % x, want % x", size, got, want)
		}
		for cut := range size {
			clear(got)
			key.Mask(got[:cut], src[:cut])
			key.After(cut).Mask(got[cut:], src[cut:])
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, cut at %d: % x, want % x", size, cut, got, want)
			}
		}
		key.Mask(got, got)
		if !bytes.Equal(got, src) {
			t.Fatalf("%d bytes, masked twice: % x, want % x", size, got, src)
		}
	}
	Key(0).Mask([]byte("x"), nil)
}

// TestMaskExample is that of RFC 6455, section 5.7.
func TestMaskExample(t *testing.T) {
	frame := AppendMaskedHeader(nil, Text, 5, 0x3d21fa37)
	begin := len(frame)
	frame = append(frame, "Hello"...)
	Key(0x3d21fa37).Mask(frame[begin:], frame[begin:])
	if want := "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; string(frame) != want {
		t.Errorf("% x, want % x", frame, want)
	}
}

func TestNewKey(t *testing.T) {
	seen := map[Key]bool{}
	for range 10 {
		seen[NewKey()] = true
	}
	if len(seen) < 9 {
		t.Errorf("ten keys: %v", seen)
	}
}

func BenchmarkMask(b *testing.B) {
	for _, size := range []int{100, 4096} {
		b.Run(map[int]string{100: "100B", 4096: "4KiB"}[size], func(b *testing.B) {
			src, dst := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				Key(0x3d21fa37).Mask(dst, src)
			}
		})
	}
}
