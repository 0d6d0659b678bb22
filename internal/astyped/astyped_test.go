package astyped

import (
	"fmt"
	"testing"
	"time"
)

func TestShow(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{5 * time.Second, "5s"},
		{time.Minute, "1m"},
		{time.Hour, "1h"},
		{90 * time.Minute, "1h30m"},
		{time.Hour + time.Second, "1h0m1s"},
		{10 * time.Minute, "10m"},
		{20 * time.Hour, "20h"},
		{-time.Minute, "-1m"},
		{time.Duration(0), "0s"},
		{1500 * time.Microsecond, "1.5ms"},
		{"text", `"text"`},
		{Text("5000ms"), "5000ms"},
		{-1, "-1"},
		{nil, "nil"},
		{[]string(nil), "none"},
		{[]string{"a"}, `[]string{"a"}`},
		{struct{}{}, "struct {}{}"},
	} {
		if got := Show(c.value); got != c.want {
			t.Errorf("%v is shown as %s, want %s", c.value, got, c.want)
		}
		if _, ok := c.value.(time.Duration); ok != (IsNumber(c.value) && c.want != "-1") {
			t.Errorf("%v: a number: %t", c.value, IsNumber(c.value))
		}
	}
	if got := fmt.Sprintf("%#v", Text("-007")); got != "-007" {
		t.Errorf("a text is %s", got)
	}
}
