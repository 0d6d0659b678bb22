package fetch

import (
	"maps"
	"reflect"
	"slices"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// maxCloneDepth is the depth down to which values are copied: a deeper value may contain
// itself.
const maxCloneDepth = 100

// cloneValue makes a deep copy of lists, maps and buffers. Other values are immutable, or
// of the application's own types, which only the application can copy.
func cloneValue(value any, depth int) any {
	if depth > maxCloneDepth {
		return value
	}
	switch v := value.(type) {
	case nil, bool, string, float64, int, int64:
		return value
	case map[string]any:
		own := maps.Clone(v)
		for name, member := range own {
			if copied := cloneValue(member, depth+1); !isPlain(member) {
				own[name] = copied
			}
		}
		return own
	case []any:
		own := slices.Clone(v)
		for i := range own {
			own[i] = cloneValue(own[i], depth+1)
		}
		return own
	case []byte:
		return slices.Clone(v)
	case *types.BytesBuffer:
		if v != nil && v.Buffer != nil {
			return v.Clone()
		}
	case *types.StringBuffer:
		if v != nil && v.Buffer != nil {
			return v.Clone()
		}
	default:
		if v := reflect.ValueOf(value); v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
			return cloneReflected(v, depth).Interface()
		}
	}
	return value
}

// isPlain reports whether a value is immutable, and so needs no copy.
func isPlain(value any) bool {
	switch value.(type) {
	case nil, bool, string, float64, int, int64:
		return true
	}
	return false
}

// cloneReflected copies a map or list whose type cloneValue does not know.
func cloneReflected(v reflect.Value, depth int) reflect.Value {
	if v.IsNil() || depth > maxCloneDepth {
		return v
	}
	element := func(e reflect.Value) reflect.Value {
		switch e.Kind() {
		case reflect.Map, reflect.Slice:
			return cloneReflected(e, depth+1)
		case reflect.Interface:
			if !e.IsNil() {
				return reflect.ValueOf(cloneValue(e.Elem().Interface(), depth+1))
			}
		}
		return e
	}
	if v.Kind() == reflect.Slice {
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			own.Index(i).Set(element(v.Index(i)))
		}
		return own
	}
	own := reflect.MakeMapWithSize(v.Type(), v.Len())
	for entries := v.MapRange(); entries.Next(); {
		own.SetMapIndex(entries.Key(), element(entries.Value()))
	}
	return own
}
