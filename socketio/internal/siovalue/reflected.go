package siovalue

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// writer writes values of one type as encoding/json does.
type writer func(e *encoder, v reflect.Value) result

var (
	writers sync.Map // reflect.Type to writer

	readerType        = reflect.TypeFor[io.Reader]()
	stringsReaderType = reflect.TypeFor[*strings.Reader]()
	stringBufferType  = reflect.TypeFor[*types.StringBuffer]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	numberType        = reflect.TypeFor[json.Number]()
)

// reflected writes a value of any type.
func (e *encoder) reflected(v reflect.Value) result {
	return writerOf(v.Type())(e, v)
}

// writerOf returns the writer of a type, which is made once.
func writerOf(t reflect.Type) writer {
	if w, ok := writers.Load(t); ok {
		return w.(writer)
	}
	// A type may contain itself: until its writer is made, this one stands in for it.
	var made sync.WaitGroup
	var w writer
	made.Add(1)
	if other, loaded := writers.LoadOrStore(t, writer(func(e *encoder, v reflect.Value) result {
		made.Wait()
		return w(e, v)
	})); loaded {
		return other.(writer)
	}
	w = makeWriter(t, true)
	made.Done()
	writers.Store(t, w)
	return w
}

// makeWriter makes the writer of a type. addressable says that a pointer to the value may
// be taken, for methods of the pointer.
func makeWriter(t reflect.Type, addressable bool) writer {
	pointer := reflect.PointerTo(t)
	switch {
	case t == stringsReaderType:
		return writeStringsReader
	case t == stringBufferType:
		return writeStringBuffer
	case t.Kind() != reflect.Pointer && addressable && pointer.Implements(marshalerType) && !t.Implements(marshalerType):
		return whereAddressable(marshaled, makeWriter(t, false))
	case t.Implements(marshalerType):
		return marshaled
	case t.Kind() != reflect.Pointer && addressable && pointer.Implements(textMarshalerType) && !t.Implements(textMarshalerType):
		return whereAddressable(textMarshaled, makeWriter(t, false))
	case t.Implements(textMarshalerType):
		return textMarshaled
	case t.Implements(readerType) && showsNothing(t):
		return writeReader
	}
	switch t.Kind() {
	case reflect.Bool:
		return writeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return writeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return writeUint
	case reflect.Float32:
		return func(e *encoder, v reflect.Value) result { return e.float(v.Float(), 32) }
	case reflect.Float64:
		return func(e *encoder, v reflect.Value) result { return e.float(v.Float(), 64) }
	case reflect.String:
		if t == numberType {
			return writeNumber
		}
		return writeString
	case reflect.Interface:
		return writeInterface
	case reflect.Pointer:
		return pointerWriter(t)
	case reflect.Struct:
		return structWriter(t)
	case reflect.Map:
		return mapWriter(t)
	case reflect.Slice:
		return sliceWriter(t)
	case reflect.Array:
		return arrayWriter(t)
	case reflect.Func, reflect.Chan:
		return func(*encoder, reflect.Value) result { return undefined }
	}
	return func(e *encoder, _ reflect.Value) result { return e.fail(&json.UnsupportedTypeError{Type: t}) }
}

// whereAddressable uses a method of the pointer if a pointer to the value can be taken.
func whereAddressable(method func(e *encoder, v reflect.Value) result, other writer) writer {
	return func(e *encoder, v reflect.Value) result {
		if v.CanAddr() {
			return method(e, v.Addr())
		}
		return other(e, v)
	}
}

// showsNothing reports whether a type is a reader that encoding/json writes as {}:
// types.BytesBuffer and files, for example, but not a reader with exported fields.
func showsNothing(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && len(fieldsOf(t)) == 0
}

func writeReader(e *encoder, v reflect.Value) result {
	if isNil(v) {
		return e.null()
	}
	return e.reader(v.Interface().(io.Reader))
}

func writeStringsReader(e *encoder, v reflect.Value) result {
	if v.IsNil() {
		return e.null()
	}
	own := *v.Interface().(*strings.Reader)
	b, err := readAll(&own)
	if err != nil {
		return e.fail(err)
	}
	e.buf = jsonscan.AppendQuotedHTML(e.buf, string(b))
	return written
}

func writeStringBuffer(e *encoder, v reflect.Value) result {
	b := v.Interface().(*types.StringBuffer)
	if b == nil {
		return e.null()
	}
	if b.Buffer == nil {
		e.buf = append(e.buf, `""`...)
		return written
	}
	e.buf = jsonscan.AppendQuotedHTML(e.buf, b.String())
	return written
}

func marshaled(e *encoder, v reflect.Value) result {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return e.null()
	}
	text, err := marshal(v.Interface().(json.Marshaler))
	if err != nil {
		return e.fail(err)
	}
	if e.buf, err = appendJSON(e.buf, text); err != nil {
		return e.fail(fmt.Errorf("MarshalJSON of %s: %w", v.Type(), err))
	}
	return written
}

// appendJSON appends the result of MarshalJSON, in the form that encoding/json gives it;
// bytes that are not UTF-8, which clients refuse, become U+FFFD.
func appendJSON(dst, text []byte) ([]byte, error) {
	compact := bytes.NewBuffer(make([]byte, 0, len(text)))
	if err := json.Compact(compact, text); err != nil {
		return dst, err
	}
	if !utf8.Valid(compact.Bytes()) {
		compact = bytes.NewBuffer(bytes.ToValidUTF8(compact.Bytes(), []byte("\ufffd")))
	}
	escaped := bytes.NewBuffer(dst)
	json.HTMLEscape(escaped, compact.Bytes())
	return escaped.Bytes(), nil
}

func marshal(m json.Marshaler) (text []byte, err error) {
	defer recovered(fmt.Sprintf("MarshalJSON of %T", m), &err)
	if text, err = m.MarshalJSON(); err != nil {
		err = fmt.Errorf("MarshalJSON of %T: %w", m, err)
	}
	return text, err
}

func textMarshaled(e *encoder, v reflect.Value) result {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return e.null()
	}
	text, err := marshalText(v.Interface().(encoding.TextMarshaler))
	if err != nil {
		return e.fail(err)
	}
	e.buf = jsonscan.AppendQuotedHTML(e.buf, string(text))
	return written
}

func marshalText(m encoding.TextMarshaler) (text []byte, err error) {
	defer recovered(fmt.Sprintf("MarshalText of %T", m), &err)
	if text, err = m.MarshalText(); err != nil {
		err = fmt.Errorf("MarshalText of %T: %w", m, err)
	}
	return text, err
}

func writeBool(e *encoder, v reflect.Value) result {
	e.buf = strconv.AppendBool(e.buf, v.Bool())
	return written
}

func writeInt(e *encoder, v reflect.Value) result {
	e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
	return written
}

func writeUint(e *encoder, v reflect.Value) result {
	e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
	return written
}

func writeString(e *encoder, v reflect.Value) result {
	e.buf = jsonscan.AppendQuotedHTML(e.buf, v.String())
	return written
}

func writeNumber(e *encoder, v reflect.Value) result {
	text := v.String()
	if text == "" {
		text = "0"
	}
	if first, last := text[0], text[len(text)-1]; first != '-' && !isDigit(first) || !isDigit(last) || !json.Valid([]byte(text)) {
		return e.fail(fmt.Errorf("invalid number %q", text))
	}
	e.buf = append(e.buf, text...)
	return written
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func writeInterface(e *encoder, v reflect.Value) result {
	if v.IsNil() {
		return e.null()
	}
	return e.reflected(v.Elem())
}

func pointerWriter(t reflect.Type) writer {
	element := writerOf(t.Elem())
	var kind any = t
	return func(e *encoder, v reflect.Value) result {
		if v.IsNil() {
			return e.null()
		}
		if !e.enter(visit{kind: kind, data: v.Pointer()}) {
			return failed
		}
		r := element(e, v.Elem())
		if r != failed {
			e.leave()
		}
		return r
	}
}

func sliceWriter(t reflect.Type) writer {
	if element := reflect.PointerTo(t.Elem()); t.Elem().Kind() == reflect.Uint8 && !element.Implements(marshalerType) && !element.Implements(textMarshalerType) {
		return func(e *encoder, v reflect.Value) result {
			if v.IsNil() {
				return e.null()
			}
			return e.base64(v.Bytes())
		}
	}
	elements := arrayWriter(t)
	var kind any = t
	return func(e *encoder, v reflect.Value) result {
		if v.IsNil() {
			return e.null()
		}
		if !e.enter(visit{kind: kind, data: v.Pointer(), size: v.Len()}) {
			return failed
		}
		r := elements(e, v)
		if r != failed {
			e.leave()
		}
		return r
	}
}

func arrayWriter(t reflect.Type) writer {
	element := writerOf(t.Elem())
	return func(e *encoder, v reflect.Value) result {
		e.buf = append(e.buf, '[')
		for i := range v.Len() {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			switch element(e, v.Index(i)) {
			case failed:
				return e.atIndex(i)
			case undefined:
				e.null()
			}
		}
		e.buf = append(e.buf, ']')
		return written
	}
}
