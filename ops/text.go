package ops

import (
	"strings"
	"unicode/utf8"
)

// maxName is how many bytes of a name are shown. Clients may influence the names of rooms.
const maxName = 256

// shown returns a name for display: valid UTF-8, and not too long.
func shown(name string) string {
	if len(name) > maxName {
		cut := maxName - len("…")
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut] + "…"
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// matches reports whether a name matches a pattern, in which * stands for any characters
// and ? for one. It takes time in proportion to the product of their lengths at most.
func matches(pattern, name string) bool {
	p, n := 0, 0
	star, after := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, after = p, n
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, size := utf8.DecodeRuneInString(name[n:])
			p, n = p+1, n+size
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			after++
			p, n = star+1, after
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
