package isnil

import "testing"

func TestValue(t *testing.T) {
	var (
		pointer  *int
		function func()
		err      error
		number   int
	)
	for _, v := range []any{nil, pointer, function, err} {
		if !Value(v) {
			t.Errorf("%#v is not nil", v)
		}
	}
	for _, v := range []any{number, &number, func() {}, []int(nil), map[string]int(nil), struct{}{}, ""} {
		if Value(v) {
			t.Errorf("%#v is nil", v)
		}
	}
}
