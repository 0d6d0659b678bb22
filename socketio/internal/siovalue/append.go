package siovalue

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// maxSize is how long a text may be. It is a variable for tests.
var maxSize = types.MaxPayloadSize

// Options say what an encoding is for. The zero value is for events.
type Options struct {
	// NoAttachments writes binary values as base64 text: packets that are neither
	// events nor acknowledgements carry no attachments.
	NoAttachments bool

	// KeepReaders refuses readers that can be read only once: the value is not sent
	// now, but kept by the application.
	KeepReaders bool

	// Check only finds out whether the value can be encoded: readers that can be
	// read only once are not read.
	Check bool
}

// Append appends the text of value to dst, and returns it with the attachments. On an
// error dst is returned as it was.
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

// encoder is one encoding under way. Its methods that write a value return a result.
type encoder struct {
	buf         []byte
	attachments [][]byte
	options     Options
	open        []visit            // the containers that the next value is in, the outermost first
	deep        map[visit]struct{} // those of them that are deeper than shallow
	once        []contents         // of readers that have been read
	err         *Error
}

// result is what became of a value.
type result uint8

const (
	written   result = iota
	undefined        // nothing was written: JSON has no form for it
	failed           // the encoder has the error
)

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func (e *encoder) release() {
	clear(e.open)
	*e = encoder{open: e.open[:0]}
	encoders.Put(e)
}

// encode writes the outermost value. A panic of the encoder's own, as when somebody
// changes a value meanwhile, is an error.
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

// visit is a container that is being written. A container within itself is the same
// visit twice.
type visit struct {
	kind any // its type
	data uintptr
	size int
}

const (
	shallow  = 64     // up to how deep open is searched
	maxDepth = 10_000 // up to how deep encoding/json decodes
)

// enter notes that a container is being written, and leave that it is done.
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
