// Package astyped shows values in errors as somebody wrote them.
package astyped

import (
	"fmt"
	"reflect"
	"time"
)

// Text is a number or a duration as it was written in a variable or flag: 5000ms,
// not 5s. Errors show it without quotes.
type Text string

// GoString makes %#v show the bare text.
func (t Text) GoString() string { return string(t) }

// Show is a value as a Go programmer would write it: strings in quotes, durations
// as 5s.
func Show(v any) string {
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	switch value := reflect.ValueOf(v); {
	case v == nil:
		return "nil"
	case value.Kind() == reflect.Slice && value.Len() == 0:
		return "none"
	}
	return fmt.Sprintf("%#v", v)
}

// IsNumber tells whether a value has a Text beside it that may differ: durations
// and numbers do.
func IsNumber(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Float64:
		return true
	}
	return false
}
