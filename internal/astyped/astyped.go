// Package astyped shows values in errors as the user wrote them.
package astyped

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Text is a number or a duration as it was written in a variable or flag: 5000ms, not 5s.
// Errors show it without quotes.
type Text string

// GoString makes %#v show the bare text.
func (t Text) GoString() string { return string(t) }

// Show formats a value as a Go programmer would write it: strings in quotes, durations as
// 5s or 1m.
func Show(v any) string {
	if d, ok := v.(time.Duration); ok {
		return duration(d)
	}
	switch value := reflect.ValueOf(v); {
	case v == nil:
		return "nil"
	case value.Kind() == reflect.Slice && value.Len() == 0:
		return "none"
	}
	return fmt.Sprintf("%#v", v)
}

// duration formats a duration without units that are zero at the end.
func duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// IsNumber reports whether the Text of a value may differ from its usual format: that of
// durations and numbers may.
func IsNumber(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Float64:
		return true
	}
	return false
}
