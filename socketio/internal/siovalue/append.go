package siovalue

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// maxSize limits the length of a text. It is a variable for tests.
var maxSize = types.MaxPayloadSize

// Options say what the value is encoded for. The zero value is for events.
type Options struct {
	// NoAttachments writes binary values as base64 text: packets that are neither
	// events nor acknowledgements carry no attachments.
	NoAttachments bool

	// KeepReaders refuses readers that can be read only once, because the value is not sent
	// now, but kept by the application.
	KeepReaders bool

	// Check only checks whether the value can be encoded: it does not read readers that can
	// be read only once.
	Check bool
}

// Append appends the text of value to dst, and returns it with the attachments. On an error
// it returns dst unchanged.
func Append(dst []byte, value any, o Options) (text []byte, attachments [][]byte, err *Error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.buf, e.options = dst, o
	if err := e.encode(value); err != nil {
		return dst, nil, err
	}
	if len(e.buf)-len(dst) > maxSize {
		return dst, nil, &Error{Err: errTooLarge}
	}
	return e.buf, e.attachments, nil
}

// encoder is one encoding in progress. Its methods that write a value return a result.
type encoder struct {
	buf         []byte
	attachments [][]byte
	options     Options
	open        []visit            // the containers around the next value, outermost first
	deep        map[visit]struct{} // those of them that are deeper than shallow
	once        []contents         // the contents of readers that have been read
	err         *Error
}

// result says what has happened to a value.
type result uint8

const (
	written   result = iota
	undefined        // nothing was written: JSON cannot represent it
	failed           // encoder.err has the error
)

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func (e *encoder) release() {
	clear(e.open)
	*e = encoder{open: e.open[:0]}
	encoders.Put(e)
}

// encode writes the outermost value. A panic of the encoder's own, as when another
// goroutine changes a value meanwhile, becomes an error.
func (e *encoder) encode(value any) (err *Error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Err: fmt.Errorf("panic while it was encoded: %v", r)}
		}
	}()
	switch e.value(value) {
	case failed:
		return e.err
	case undefined:
		e.null()
	}
	return nil
}

// visit identifies a container that is being written. If a container contains itself, the
// same visit occurs twice.
type visit struct {
	kind any // its type
	data uintptr
	size int
}

const (
	shallow  = 64     // the depth down to which open is searched
	maxDepth = 10_000 // the depth down to which encoding/json decodes
)

// enter notes that a container is being written, and leave that it is finished.
func (e *encoder) enter(v visit) bool {
	depth := len(e.open)
	for i := range min(depth, shallow) {
		if e.open[i] == v {
			e.fail(&json.UnsupportedValueError{Str: "it contains itself"})
			return false
		}
	}
	if depth >= shallow {
		if _, found := e.deep[v]; found {
			e.fail(&json.UnsupportedValueError{Str: "it contains itself"})
			return false
		}
		if depth >= maxDepth {
			e.fail(&json.UnsupportedValueError{Str: fmt.Sprintf("it is nested more than %d deep", maxDepth)})
			return false
		}
		if e.deep == nil {
			e.deep = map[visit]struct{}{}
		}
		e.deep[v] = struct{}{}
	}
	e.open = append(e.open, v)
	return true
}

func (e *encoder) leave() {
	last := len(e.open) - 1
	if last >= shallow {
		delete(e.deep, e.open[last])
	}
	e.open = e.open[:last]
}

func (e *encoder) null() result {
	e.buf = append(e.buf, "null"...)
	return written
}
