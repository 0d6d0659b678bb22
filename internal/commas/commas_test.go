package commas

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for list, want := range map[string][]string{
		"":              nil,
		" , ,":          nil,
		"a":             {"a"},
		" a ,b c,, d ,": {"a", "b c", "d"},
	} {
		if got := Split(list); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}
