package wsframe

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"sync"
)

// level is the lowest level that compresses: higher ones gain little, and every message
// pays for them.
const level = flate.BestSpeed

// A deflated message lacks the empty block at the end of a flush; the reader appends it,
// and a final block so that the stream ends.
const (
	flushTail = "\x00\x00\xff\xff"
	inflated  = flushTail + "\x01\x00\x00\xff\xff"
)

var (
	deflaters = sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, level)
		if err != nil {
			panic(err) // the level is one
		}
		return w
	}}
	inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}
)

// NewDeflated returns a final frame around payload, deflated on its own, so that
// it is the same for every connection.
func NewDeflated(op Opcode, payload []byte) []byte {
	var body bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&body)
	_, _ = w.Write(payload) // a Buffer takes everything
	_ = w.Flush()
	deflaters.Put(w)
	deflated := bytes.TrimSuffix(body.Bytes(), []byte(flushTail))
	frame := make([]byte, 0, Size(len(deflated)))
	return append(AppendDeflatedHeader(frame, op, len(deflated)), deflated...)
}

// inflate undoes NewDeflated, up to limit bytes (0: no limit).
func inflate(deflated []byte, limit int64) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(deflated), strings.NewReader(inflated)), nil)
	if err != nil {
		return nil, err
	}
	var source io.Reader = r
	if limit > 0 {
		source = io.LimitReader(r, limit+1)
	}
	payload, err := io.ReadAll(source)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	case limit > 0 && int64(len(payload)) > limit:
		return nil, ErrTooLarge
	}
	return payload, nil
}
