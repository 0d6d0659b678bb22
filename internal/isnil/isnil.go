// Package isnil finds values that cannot be used: nil itself, and a nil pointer or
// function in an interface, which does not look like one.
package isnil

import "reflect"

// Value reports whether v is such a value.
func Value(v any) bool {
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Interface:
		return value.IsNil()
	}
	return false
}
