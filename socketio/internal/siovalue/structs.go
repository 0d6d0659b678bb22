package siovalue

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// field is a field of a struct that is written to JSON, by the rules of encoding/json.
type field struct {
	name      string
	named     bool  // the name comes from its tag
	index     []int // the path to it through embedded structs
	omitEmpty bool
	isZero    func(reflect.Value) bool // nil if the tag has no omitzero
	quoted    bool
	typ       reflect.Type

	head  string // the quoted name and a colon
	write writer
}

func structWriter(t reflect.Type) writer {
	fields := fieldsOf(t)
	for i := range fields {
		f := &fields[i]
		f.head = string(jsonscan.AppendQuotedHTML(nil, f.name)) + ":"
		f.write = writerOf(f.typ)
		if f.quoted {
			f.write = quotedWriter(f.typ, f.write)
		}
	}
	return func(e *encoder, v reflect.Value) result {
		e.buf = append(e.buf, '{')
		for i := range fields {
			f := &fields[i]
			value, ok := f.of(v)
			if !ok || f.omitEmpty && isEmpty(value) || f.isZero != nil && f.isZero(value) {
				continue
			}
			start := len(e.buf)
			e.buf = append(e.buf, f.head...)
			switch f.write(e, value) {
			case failed:
				return e.atMember(f.name)
			case undefined:
				e.buf = e.buf[:start]
			default:
				e.buf = append(e.buf, ',')
			}
		}
		e.closeObject()
		return written
	}
}

// of returns the field of a struct; ok is false behind an embedded nil pointer.
func (f *field) of(v reflect.Value) (_ reflect.Value, ok bool) {
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// quotedWriter writes a number, a boolean or a string inside a string: the option "string"
// of a tag.
func quotedWriter(t reflect.Type, plain writer) writer {
	return func(e *encoder, v reflect.Value) result {
		if t.Implements(marshalerType) || t.Implements(textMarshalerType) || v.CanAddr() && hasMethods(reflect.PointerTo(t)) {
			return plain(e, v)
		}
		start := len(e.buf)
		r := plain(e, v)
		if r != written {
			return r
		}
		text := string(e.buf[start:])
		switch {
		case text == "null":
		case text[0] == '"':
			e.buf = jsonscan.AppendQuotedHTML(e.buf[:start], text)
		default:
			e.buf = append(append(append(e.buf[:start], '"'), text...), '"')
		}
		return written
	}
}

func hasMethods(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textMarshalerType)
}

// fieldsOf lists the fields that are written to JSON, in order. Of several fields of one
// name the least deep wins, then the one that is named by its tag; if there are still
// several, none is written.
func fieldsOf(t reflect.Type) []field {
	type level struct {
		typ   reflect.Type
		index []int
	}
	var all []field
	seen := map[reflect.Type]bool{}
	var times map[reflect.Type]int // how often a struct is embedded at the current depth
	for current := []level{{typ: t}}; len(current) > 0; {
		var next []level
		deeper := map[reflect.Type]int{}
		for _, l := range current {
			if seen[l.typ] {
				continue
			}
			seen[l.typ] = true
			for i := range l.typ.NumField() {
				index := append(slices.Clone(l.index), i)
				f, embedded, ok := fieldOf(l.typ.Field(i), index)
				switch {
				case !ok:
				case embedded != nil:
					if deeper[embedded]++; deeper[embedded] == 1 {
						next = append(next, level{embedded, index})
					}
				default:
					all = append(all, f)
					if times[l.typ] > 1 {
						all = append(all, f) // twice, so that the two cancel each other out
					}
				}
			}
		}
		current, times = next, deeper
	}
	slices.SortFunc(all, func(a, b field) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(len(a.index), len(b.index)), compareBool(b.named, a.named), slices.Compare(a.index, b.index))
	})
	var fields []field
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && all[n].name == all[i].name {
			n++
		}
		if n == i+1 || len(all[i].index) != len(all[i+1].index) || all[i].named != all[i+1].named {
			fields = append(fields, all[i])
		}
		i = n
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return fields
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// fieldOf returns the field for JSON, or the embedded struct whose fields count as those of
// the struct around it.
func fieldOf(sf reflect.StructField, index []int) (f field, embedded reflect.Type, ok bool) {
	if sf.Anonymous {
		t := sf.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if !sf.IsExported() && t.Kind() != reflect.Struct {
			return field{}, nil, false
		}
	} else if !sf.IsExported() {
		return field{}, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return field{}, nil, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	target := sf.Type
	if target.Name() == "" && target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	if name == "" && sf.Anonymous && target.Kind() == reflect.Struct {
		return field{}, target, true
	}
	f = field{name: name, named: name != "", index: index, typ: sf.Type}
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.isZero = zeroTest(sf.Type)
		case "string":
			f.quoted = quotable(target)
		}
	}
	return f, nil, true
}

// validName reports whether a tag may give a field this name.
func validName(name string) bool {
	if name == "" {
		return false
	}
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return true
}

// quotable reports whether the option "string" has an effect on a type.
func quotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return false
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Bool, reflect.Float32, reflect.Float64, reflect.Interface, reflect.Pointer,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.IsZero()
	}
	return false
}

// zeroer is the method that the option "omitzero" calls, if a type has it.
type zeroer interface{ IsZero() bool }

var zeroerType = reflect.TypeFor[zeroer]()

func zeroTest(t reflect.Type) func(reflect.Value) bool {
	switch {
	case t.Kind() == reflect.Interface && t.Implements(zeroerType):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || v.Interface().(zeroer).IsZero()
		}
	case t.Kind() == reflect.Pointer && t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	case t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }
	case reflect.PointerTo(t).Implements(zeroerType):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				own := reflect.New(v.Type()).Elem()
				own.Set(v)
				v = own
			}
			return v.Addr().Interface().(zeroer).IsZero()
		}
	}
	return reflect.Value.IsZero
}
