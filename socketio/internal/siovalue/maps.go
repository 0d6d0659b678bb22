package siovalue

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// member is an entry of a map, with its name in JSON.
type member struct {
	name  string
	value reflect.Value
}

// mapWriter writes members sorted by name. Keys may be what encoding/json accepts: strings,
// integers, and types that marshal to text.
func mapWriter(t reflect.Type) writer {
	nameOf := nameOfKey(t.Key())
	element := writerOf(t.Elem())
	var kind any = t
	return func(e *encoder, v reflect.Value) result {
		if v.IsNil() {
			return e.null()
		}
		if nameOf == nil {
			return e.fail(&json.UnsupportedTypeError{Type: t})
		}
		if !e.enter(visit{kind: kind, data: v.Pointer()}) {
			return failed
		}
		members := make([]member, 0, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			name, err := nameOf(entries.Key())
			if err != nil {
				return e.fail(err)
			}
			members = append(members, member{name, entries.Value()})
		}
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
		e.buf = append(e.buf, '{')
		for _, m := range members {
			start := len(e.buf)
			e.buf = append(jsonscan.AppendQuotedHTML(e.buf, m.name), ':')
			switch element(e, m.value) {
			case failed:
				return e.atMember(m.name)
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
}

// nameOfKey returns a function that names keys of a type; nil if JSON has no names for
// them.
func nameOfKey(t reflect.Type) func(key reflect.Value) (string, error) {
	if t.Kind() == reflect.String {
		return func(key reflect.Value) (string, error) { return key.String(), nil }
	}
	if t.Implements(textMarshalerType) {
		return func(key reflect.Value) (string, error) {
			if key.Kind() == reflect.Pointer && key.IsNil() {
				return "", nil
			}
			text, err := marshalText(key.Interface().(encoding.TextMarshaler))
			return string(text), err
		}
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(key reflect.Value) (string, error) { return strconv.FormatInt(key.Int(), 10), nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return func(key reflect.Value) (string, error) { return strconv.FormatUint(key.Uint(), 10), nil }
	}
	return nil
}
