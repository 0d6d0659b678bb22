package ws

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// readerOf reads what a peer has sent, who dialled or not.
func readerOf(source io.Reader, dialled bool) *reader {
	return &reader{socket: source, masked: dialled, limit: 1 << 20, control: func(wsframe.Opcode, []byte) error { return nil }}
}

// TestReaderBuffers: messages of all sizes come out as they went in, however the
// network cuts them, and the buffer is no larger than they need.
func TestReaderBuffers(t *testing.T) {
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader,
	} {
		for _, dialled := range []bool{false, true} {
			out := &script{}
			w := writer{socket: out, masked: dialled}
			var sent [][]byte
			for range 200 {
				payload := make([]byte, rand.IntN(1<<rand.IntN(17)))
				for i := range payload {
					payload[i] = byte(i)
				}
				sent = append(sent, payload)
			}
			if err := w.messages(sent); err != nil {
				t.Fatal(err)
			}
			r := readerOf(cut(bytes.NewReader(out.written())), dialled)
			for i, want := range sent {
				got, err := r.next()
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s, masked %v: message %d of %d bytes: %d bytes, %v", name, dialled, i, len(want), len(got), err)
				}
			}
			if len(r.buf) > 256<<10 {
				t.Errorf("%s: a buffer of %d bytes", name, len(r.buf))
			}
			if _, err := r.next(); err != io.EOF {
				t.Errorf("%s: %v at the end", name, err)
			}
		}
	}
}

// TestReaderKeepsLittle: the buffer of a large message is not kept, that of many
// small ones does not grow for ever, and an idle one is small.
func TestReaderKeepsLittle(t *testing.T) {
	out := &script{}
	w := writer{socket: out}
	small := make([]byte, 100)
	if err := w.messages([][]byte{small, make([]byte, 1<<20), small}); err != nil {
		t.Fatal(err)
	}
	r := readerOf(bytes.NewReader(out.written()), false)
	for range 2 {
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.buf) <= keepBuffer {
		t.Errorf("a buffer of %d bytes with a large message in it", len(r.buf))
	}
	r.socket = io.MultiReader(r.socket, strings.NewReader(""))
	for {
		if _, err := r.next(); err != nil {
			break
		}
	}
	if len(r.buf) > keepBuffer {
		t.Errorf("a buffer of %d bytes after it", len(r.buf))
	}
	idle := readerOf(bytes.NewReader(wsframe.New(wsframe.Binary, small)), false)
	if _, err := idle.next(); err != nil || len(idle.buf) != firstBuffer {
		t.Errorf("an idle buffer of %d bytes, %v", len(idle.buf), err)
	}
}

// TestReaderTrustsNoHeader: memory grows with what has come.
func TestReaderTrustsNoHeader(t *testing.T) {
	r := readerOf(io.MultiReader(bytes.NewReader(wsframe.AppendHeader(nil, wsframe.Binary, 1<<20)), bytes.NewReader(make([]byte, 10_000))), false)
	if _, err := r.next(); err != io.ErrUnexpectedEOF {
		t.Errorf("%v", err)
	}
	if len(r.buf) > 32<<10 {
		t.Errorf("%d bytes for 10,000", len(r.buf))
	}
}

// TestReaderOfServers: the frames of servers have no mask.
func TestReaderOfServers(t *testing.T) {
	for name, c := range map[string]struct {
		src     []byte
		dialled bool
		want    error
	}{
		"masked":    {masked(0x82, "x"), false, wsframe.ErrProtocol},
		"unmasked":  {wsframe.New(wsframe.Binary, []byte("x")), true, wsframe.ErrProtocol},
		"deflated":  {wsframe.NewDeflated(wsframe.Text, []byte("x")), false, wsframe.ErrProtocol},
		"too large": {wsframe.AppendHeader(nil, wsframe.Binary, 1<<20+1), false, core.ErrTooLarge},
		"no frame":  {nil, false, io.EOF},
	} {
		if _, err := readerOf(bytes.NewReader(c.src), c.dialled).next(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestReaderAsksForLargeMessages: before a large message is held, and for no other. One in
// several frames counts as the largest.
func TestReaderAsksForLargeMessages(t *testing.T) {
	const limit = 4 * core.LargeFrame
	out := &script{}
	w := writer{socket: out}
	if err := w.messages([][]byte{make([]byte, 10), make([]byte, core.LargeFrame), make([]byte, core.LargeFrame+1)}); err != nil {
		t.Fatal(err)
	}
	src := bytes.Clone(out.written())
	for i, final := range []bool{false, false, true} {
		op := wsframe.Continuation
		if i == 0 {
			op = wsframe.Binary
		}
		start := len(src)
		src = wsframe.AppendHeader(src, op, core.LargeFrame-1)
		if !final {
			src[start] &^= 0x80
		}
		src = append(src, make([]byte, core.LargeFrame-1)...)
	}
	r := readerOf(bytes.NewReader(src), false)
	r.limit = limit
	var asked []int
	r.admit = func(size int) error {
		if len(r.parts)+r.to-r.from > 2*core.LargeFrame {
			t.Errorf("%d bytes are held before", len(r.parts)+r.to-r.from)
		}
		asked = append(asked, size)
		return nil
	}
	for i := range 4 {
		if _, err := r.next(); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if len(asked) != 2 || asked[0] != core.LargeFrame+1 || asked[1] != limit {
		t.Errorf("asked for %d", asked)
	}
	no := errors.New("no")
	r = readerOf(bytes.NewReader(out.written()), false)
	r.limit, r.admit = limit, func(int) error { return no }
	var err error
	for err == nil {
		_, err = r.next()
	}
	if !errors.Is(err, no) {
		t.Errorf("ended with %v", err)
	}
}
