package socketio

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// maxLiteralDepth is how deep values may be nested that are written here.
const maxLiteralDepth = 64

// appendLiteral appends a value that is made of what JSON has itself: texts,
// numbers, booleans, nil, lists and maps of any. It writes the bytes that the
// library's encoder would, which goes over values four times. Of anything else it
// reports false.
func appendLiteral(dst []byte, value any, depth int) ([]byte, bool) {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), true
	case bool:
		return strconv.AppendBool(dst, v), true
	case string:
		return jsontext.AppendQuotedHTML(dst, v), true
	case int:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int64:
		return strconv.AppendInt(dst, v, 10), true
	case uint64:
		return strconv.AppendUint(dst, v, 10), true
	case float64:
		return appendFloat(dst, v)
	case []any:
		return appendList(dst, v, depth+1)
	case map[string]any:
		return appendMap(dst, v, depth+1)
	}
	return dst, false
}

func appendList(dst []byte, list []any, depth int) (_ []byte, ok bool) {
	if depth > maxLiteralDepth {
		return dst, false
	}
	dst = append(dst, '[')
	for i, value := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, ok = appendLiteral(dst, value, depth); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), true
}

// appendMap writes members in the order of their names, as [json.Marshal] does.
func appendMap(dst []byte, members map[string]any, depth int) (_ []byte, ok bool) {
	if depth > maxLiteralDepth {
		return dst, false
	}
	var few [16]string
	dst = append(dst, '{')
	for i, name := range sorted(few[:0], members) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendQuotedHTML(dst, name), ':')
		if dst, ok = appendLiteral(dst, members[name], depth); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func sorted(names []string, members map[string]any) []string {
	names = slices.AppendSeq(names, maps.Keys(members))
	slices.Sort(names)
	return names
}

func appendFloat(dst []byte, f float64) ([]byte, bool) {
	if n := int64(f); float64(n) == f && n > -1<<53 && n < 1<<53 && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, n, 10), true
	}
	text, err := json.Marshal(f)
	return append(dst, text...), err == nil
}
