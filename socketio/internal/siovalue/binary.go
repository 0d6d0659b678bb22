package siovalue

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// binary writes a copy of bytes as an attachment.
func (e *encoder) binary(b []byte) result {
	if e.options.NoAttachments {
		return e.base64(b)
	}
	return e.attach(bytes.Clone(b))
}

// attach writes bytes as an attachment and keeps them: they belong to the encoder.
func (e *encoder) attach(b []byte) result {
	if e.options.NoAttachments {
		return e.base64(b)
	}
	if b == nil {
		b = []byte{}
	}
	e.buf = append(e.buf, `{"_placeholder":true,"num":`...)
	e.buf = strconv.AppendInt(e.buf, int64(len(e.attachments)), 10)
	e.buf = append(e.buf, '}')
	e.attachments = append(e.attachments, b)
	return written
}

func (e *encoder) base64(b []byte) result {
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b)
	e.buf = append(e.buf, '"')
	return written
}

// reader writes what is left to read of a reader, which is not nil. It does not move the
// reader, if that is possible: see [contentsOf].
func (e *encoder) reader(r io.Reader) result {
	switch r := r.(type) {
	case *types.BytesBuffer:
		if r.Buffer == nil {
			return e.null()
		}
		return e.binary(r.Bytes())
	case types.BufferInterface:
		return e.binary(r.Bytes())
	case *bytes.Buffer:
		return e.binary(r.Bytes())
	}
	b, seekable, err := contentsOf(r)
	if seekable {
		if err != nil {
			return e.fail(err)
		}
		return e.attach(b)
	}
	switch {
	case e.options.KeepReaders:
		return e.fail(errOnce)
	case e.options.Check:
		return e.attach(nil)
	}
	return e.readOnce(r)
}

// contentsOf reads a reader that can be read again. It does not move bytes.Reader,
// strings.Reader, sections, files and other readers with ReadAt, so that several goroutines
// may read the same one at once. Of other readers that can seek it restores the position.
func contentsOf(r io.Reader) (b []byte, seekable bool, err error) {
	defer recovered("reading it", &err)
	switch r := r.(type) {
	case *bytes.Reader:
		own := *r
		b, err = readAll(&own)
		return b, true, err
	case *io.SectionReader:
		own := *r
		b, err = readAll(&own)
		return b, true, err
	}
	seeker, ok := r.(io.Seeker)
	if !ok {
		return nil, false, nil
	}
	position, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil { // a pipe, which has the methods of a file
		return nil, false, nil
	}
	if at, ok := r.(io.ReaderAt); ok {
		b, err = readAll(io.NewSectionReader(at, position, types.MaxPayloadSize+1))
		return b, true, err
	}
	b, err = readAll(r)
	if _, back := seeker.Seek(position, io.SeekStart); err == nil && back != nil {
		err = fmt.Errorf("it was read and cannot be put back: %w", back)
	}
	return b, true, err
}

// contents is what was read from a reader that can be read only once.
type contents struct {
	reader io.Reader
	bytes  []byte
}

// readOnce reads a reader to its end and closes it, as the host library does. The same
// reader may occur several times in one event.
func (e *encoder) readOnce(r io.Reader) result {
	known := reflect.TypeOf(r).Comparable()
	if known {
		for _, c := range e.once {
			if c.reader == r {
				return e.attach(c.bytes)
			}
		}
	}
	b, err := drain(r)
	if err != nil {
		return e.fail(err)
	}
	if known {
		e.once = append(e.once, contents{r, b})
	}
	return e.attach(b)
}

func drain(r io.Reader) (b []byte, err error) {
	defer recovered("reading it", &err)
	if closer, ok := r.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	return readAll(r)
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, types.MaxPayloadSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case len(b) > types.MaxPayloadSize:
		return nil, errTooLarge
	}
	return b, nil
}

// recovered turns a panic in the application's code into an error.
func recovered(what string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s panicked: %v", what, r)
	}
}

// isNil reports whether v is a nil of any kind.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Interface:
		return v.IsNil()
	}
	return false
}
