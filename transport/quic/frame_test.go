package quic

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/socketmesh/mesh/core"
)

// Frames as other implementations have to write them.
func TestFramesOnTheWire(t *testing.T) {
	for _, c := range []struct {
		size int
		want string
	}{
		{0, "01"}, {1, "02"}, {126, "7f"}, {127, "8001"}, {16382, "ff7f"}, {16383, "808001"}, {100 << 20, "81808032"},
	} {
		if got := hex.EncodeToString(appendSize(nil, c.size)); got != c.want {
			t.Errorf("size %d: got %s, want %s", c.size, got, c.want)
		}
	}
	got := appendCloseFrame(nil, core.CloseReason{Code: 1000, Text: "bye"}, 0b101)
	if want := "\x00" + "\x08" + "\xe8\x07" + "\x05" + "\x03" + "bye"; string(got) != want {
		t.Errorf("close frame: got %q, want %q", got, want)
	}
}

func TestReaderTakesFrames(t *testing.T) {
	var src []byte
	var want []string
	for _, size := range []int{0, 1, 100, readBuffer - 1, readBuffer, readBuffer + 1, firstChunk, firstChunk + 1, 5 * firstChunk, 3, keepBuffer, keepBuffer + 1, 0} {
		frame := strings.Repeat(string(rune('a'+len(want))), size)
		want = append(want, frame)
		src = append(appendSize(src, size), frame...)
	}
	for name, r := range map[string]io.Reader{
		"whole":        bytes.NewReader(src),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(src)),
		"halves":       iotest.HalfReader(bytes.NewReader(src)),
		"end at once":  iotest.DataErrReader(bytes.NewReader(src)),
	} {
		reader := newFrameReader(r)
		for i, frame := range want {
			got, err := reader.next(1 << 20)
			if err != nil || string(got) != frame {
				t.Fatalf("%s: frame %d of %d bytes: got %d bytes, %v", name, i, len(frame), len(got), err)
			}
			_ = append(got, '!') // must not reach the next one
		}
		if _, err := reader.next(1 << 20); err != io.EOF {
			t.Errorf("%s: at the end: got %v", name, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		want error
	}{
		"one byte more":              {"\xea\x07", core.ErrTooLarge}, // 1001
		"2^62":                       {"\x80\x80\x80\x80\x80\x80\x80\x80\x40", core.ErrTooLarge},
		"2^64-1":                     {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", core.ErrTooLarge},
		"2^64":                       {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", core.ErrMalformed},
		"endless size":               {strings.Repeat("\xff", 100), core.ErrMalformed},
		"end in the size":            {"\x80", io.ErrUnexpectedEOF},
		"end behind the size":        {"\x02", io.ErrUnexpectedEOF},
		"end in the frame":           {"\x05abc", io.ErrUnexpectedEOF},
		"close frame":                {"\x00", errCloseFrame},
		"nothing":                    {"", io.EOF},
		"largest, and nothing":       {"\xe9\x07", io.ErrUnexpectedEOF}, // 1000
		"close frame in a long form": {"\x80\x00", errCloseFrame},
		"size in too long a form":    {"\x82\x80\x80\x00", io.ErrUnexpectedEOF},
	} {
		if frame, err := newFrameReader(strings.NewReader(c.src)).next(1000); !errors.Is(err, c.want) {
			t.Errorf("%s: got %q, %v, want %v", name, frame, err, c.want)
		}
	}
}

// The reader's memory grows with what arrives, not with the size that a header claims.
func TestReaderGrowsWithWhatArrives(t *testing.T) {
	const announced, sent = 100 << 20, 1 << 20
	src := &sizeReader{src: io.MultiReader(bytes.NewReader(appendSize(nil, announced)), bytes.NewReader(make([]byte, sent)))}
	if _, err := newFrameReader(src).next(announced); err != io.ErrUnexpectedEOF {
		t.Errorf("got error %v", err)
	}
	if src.space > 4*sent {
		t.Errorf("there was space for %d bytes when %d had arrived", src.space, sent)
	}
}

// sizeReader notes the largest read that was asked for.
type sizeReader struct {
	src   io.Reader
	space int
}

func (r *sizeReader) Read(b []byte) (int, error) {
	r.space = max(r.space, len(b))
	return r.src.Read(b[:min(len(b), 1500)])
}

// Buffers of large frames are not kept.
func TestReaderLetsGoOfLargeBuffers(t *testing.T) {
	src := append(appendSize(nil, 1<<20), make([]byte, 1<<20)...)
	src = append(appendSize(src, readBuffer+1), make([]byte, readBuffer+1)...)
	r := newFrameReader(bytes.NewReader(src))
	for range 2 {
		if _, err := r.next(1 << 20); err != nil {
			t.Fatal(err)
		}
	}
	if cap(r.buf) > keepBuffer {
		t.Errorf("a buffer of %d bytes is kept", cap(r.buf))
	}
}

// Whatever a peer sends, reading ends with an error, and the frames before that are no
// larger than what was sent.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x06hello\x01\x02x"))
	f.Add([]byte("\x00\x08\xe8\x07\x05\x03bye"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x80\x80\x00\x00"))
	f.Add([]byte("\x32" + strings.Repeat("x", 49) + "\x32short"))
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 100
		// So small a buffer that some frames do not fit in it.
		r := &frameReader{src: bufio.NewReaderSize(iotest.HalfReader(bytes.NewReader(src)), 16)}
		for total := 0; ; {
			frame, err := r.next(limit)
			switch {
			case errors.Is(err, errCloseFrame):
				if body, err := r.next(maxCloseFrame); err == nil {
					checkCloseFrame(t, body)
				}
				return
			case err != nil:
				return
			}
			if total += 1 + len(frame); len(frame) > limit || total > len(src) {
				t.Fatalf("got %d bytes, %d in all, of %d with a limit of %d", len(frame), total, len(src), limit)
			}
		}
	})
}

// checkCloseFrame makes sure that a close frame that was parsed can be sent again.
func checkCloseFrame(t *testing.T, body []byte) {
	received, used, err := parseCloseFrame(body)
	if err != nil {
		if !errors.Is(err, core.ErrMalformed) {
			t.Fatalf("close frame %q: %v", body, err)
		}
		return
	}
	r := newFrameReader(bytes.NewReader(appendCloseFrame(nil, received.CloseReason, used)))
	if _, err := r.next(0); !errors.Is(err, errCloseFrame) {
		t.Fatalf("close frame %q: no mark: %v", body, err)
	}
	again, err := r.next(maxCloseFrame)
	if err != nil {
		t.Fatalf("close frame %q: %v", body, err)
	}
	if twice, streams, err := parseCloseFrame(again); err != nil || *twice != *received || streams != used {
		t.Fatalf("close frame %q: %v and %x, then %v and %x, %v", body, received, used, twice, streams, err)
	}
}

// TestReaderAsksForLargeFrames: before a large frame is held, and for no other.
func TestReaderAsksForLargeFrames(t *testing.T) {
	var src []byte
	for _, size := range []int{10, core.LargeFrame, core.LargeFrame + 1, 3 * core.LargeFrame} {
		src = append(appendSize(src, size), make([]byte, size)...)
	}
	r := newFrameReader(bytes.NewReader(src))
	var asked []int
	no := errors.New("no")
	r.admit = func(size int) error {
		if cap(r.buf) > 2*core.LargeFrame {
			t.Errorf("%d bytes are held before", cap(r.buf))
		}
		r.buf = nil
		if asked = append(asked, size); len(asked) == 2 {
			return no
		}
		return nil
	}
	for i := range 4 {
		if _, err := r.next(4 * core.LargeFrame); (i == 3) != errors.Is(err, no) {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	if len(asked) != 2 || asked[0] != core.LargeFrame+1 || asked[1] != 3*core.LargeFrame {
		t.Errorf("asked for %d", asked)
	}
}
