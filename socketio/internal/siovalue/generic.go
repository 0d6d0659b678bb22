package siovalue

import (
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// value writes a value at a place where the host library looks for binary values: an
// argument, or inside nothing but []any and map[string]any. Bytes and readers are
// attachments here; elsewhere bytes are base64 text, as in encoding/json.
func (e *encoder) value(value any) result {
	switch v := value.(type) {
	case nil:
		return e.null()
	case string:
		e.buf = jsonscan.AppendQuotedHTML(e.buf, v)
		return written
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
		return written
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
		return written
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
		return written
	case uint64:
		e.buf = strconv.AppendUint(e.buf, v, 10)
		return written
	case float64:
		return e.float(v, 64)
	case []any:
		return e.list(v)
	case map[string]any:
		return e.object(v)
	case []byte:
		return e.binary(v)
	case *types.StringBuffer, *strings.Reader:
		return e.reflected(reflect.ValueOf(value))
	case io.Reader:
		if isNil(reflect.ValueOf(value)) {
			return e.null()
		}
		return e.reader(v)
	}
	return e.reflected(reflect.ValueOf(value))
}

// list writes a list; nil is an empty one, as in the host library.
func (e *encoder) list(list []any) result {
	if !e.enter(visit{kind: anyList, data: uintptr(unsafe.Pointer(unsafe.SliceData(list))), size: len(list)}) {
		return failed
	}
	e.buf = append(e.buf, '[')
	for i := range list {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		switch e.value(list[i]) {
		case failed:
			return e.atIndex(i)
		case undefined:
			e.null()
		}
	}
	e.buf = append(e.buf, ']')
	e.leave()
	return written
}

// object writes members sorted by name, as encoding/json does; nil is an empty object.
func (e *encoder) object(members map[string]any) result {
	if !e.enter(visit{kind: anyMap, data: reflect.ValueOf(members).Pointer()}) {
		return failed
	}
	var few [16]string
	names := slices.AppendSeq(few[:0], maps.Keys(members))
	slices.Sort(names)
	e.buf = append(e.buf, '{')
	for _, name := range names {
		start := len(e.buf)
		e.buf = append(jsonscan.AppendQuotedHTML(e.buf, name), ':')
		switch e.value(members[name]) {
		case failed:
			return e.atMember(name)
		case undefined:
			e.buf = e.buf[:start]
		default:
			e.buf = append(e.buf, ',')
		}
	}
	e.closeObject()
	e.leave()
	return written
}

var (
	anyList any = reflect.TypeFor[[]any]()
	anyMap  any = reflect.TypeFor[map[string]any]()
)

// closeObject replaces the comma behind the last member with the end of the object.
func (e *encoder) closeObject() {
	if last := len(e.buf) - 1; e.buf[last] == ',' {
		e.buf[last] = '}'
		return
	}
	e.buf = append(e.buf, '}')
}

// float writes a float of so many bits as encoding/json does, except for two cases of
// JSON.stringify: -0 is 0, and what is not a number is null.
func (e *encoder) float(f float64, bits int) result {
	if n := int64(f); float64(n) == f && n > -1<<53 && n < 1<<53 && (bits == 64 || n > -1<<24 && n < 1<<24) {
		e.buf = strconv.AppendInt(e.buf, n, 10)
		return written
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return e.null()
	}
	format, abs := byte('f'), math.Abs(f)
	if bits == 32 {
		abs = float64(float32(abs))
	}
	if abs != 0 && (bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	e.buf = strconv.AppendFloat(e.buf, f, format, -1, bits)
	if n := len(e.buf); format == 'e' && n >= 4 && e.buf[n-4] == 'e' && e.buf[n-2] == '0' { // e-09 is e-9
		e.buf[n-2] = e.buf[n-1]
		e.buf = e.buf[:n-1]
	}
	return written
}
