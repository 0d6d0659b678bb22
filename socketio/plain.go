package socketio

import (
	"math"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// maxPlainDepth is how deep appendPlain goes. A value may be a circle.
const maxPlainDepth = 16

// appendPlain writes a value of the types that JSON itself has, and integers,
// exactly as encodeValue does. It reports false where it finds another type, or is
// led too deep; what it has written by then is of no use.
func appendPlain(b []byte, value any, depth int) (_ []byte, ok bool) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), true
	case bool:
		return strconv.AppendBool(b, v), true
	case string:
		return jsontext.AppendQuotedHTML(b, v), true
	case float64:
		return appendFloat(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10), true
	case int64:
		return strconv.AppendInt(b, v, 10), true
	case []any:
		return appendList(b, v, depth)
	case map[string]any:
		return appendObject(b, v, depth)
	}
	return b, false
}

func appendList(b []byte, list []any, depth int) (_ []byte, ok bool) {
	if depth == 0 {
		return b, false
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, ok = appendPlain(b, list[i], depth-1); !ok {
			return b, false
		}
	}
	return append(b, ']'), true
}

// appendObject sorts the members; no object is an empty one.
func appendObject(b []byte, object map[string]any, depth int) (_ []byte, ok bool) {
	if len(object) == 0 {
		return append(b, "{}"...), true
	}
	if depth == 0 {
		return b, false
	}
	var few [8]string
	names := few[:0]
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsontext.AppendQuotedHTML(b, name), ':')
		if b, ok = appendPlain(b, object[name], depth-1); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

// appendFloat is encoding/json's: as JavaScript prints numbers, but for -0.
func appendFloat(b []byte, f float64) (_ []byte, ok bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, false
	}
	if f == 0 && math.Signbit(f) {
		return append(b, "-0"...), true
	}
	return jsontext.AppendNumber(b, f), true
}
