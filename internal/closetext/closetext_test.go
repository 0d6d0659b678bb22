package closetext_test

import (
	"strings"
	"testing"

	"github.com/socketmesh/mesh/internal/closetext"
)

func TestTrim(t *testing.T) {
	full := strings.Repeat("x", closetext.Max)
	for text, want := range map[string]string{
		"":                  "",
		"going away":        "going away",
		full:                full,
		full + "y":          full,
		full[:122] + "é":    full[:122],
		full[:121] + "é":    full[:121] + "é",
		full[:120] + "😀":    full[:120],
		full[:119] + "😀":    full[:119] + "😀",
		"a\xffb":            "a?b",
		full[:122] + "\xff": full[:122] + "?",
	} {
		if got := closetext.Trim(text); got != want {
			t.Errorf("Trim(%q) is %q: want %q", text, got, want)
		}
	}
}
