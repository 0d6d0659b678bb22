package jsonscan

import "unicode/utf8"

// plain marks the ASCII characters that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// skipPlain returns the index of the first byte of s from i on that is not plain,
// or the length of s.
func skipPlain[T string | []byte](s T, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if !allPlain(word(s[i : i+8])) {
			break
		}
	}
	for i < len(s) && plain[s[i]] {
		i++
	}
	return i
}

func word[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// allPlain checks eight bytes at a time. The lowest byte that is not plain sets its high
// bit: by itself, or by a borrow, which no lower byte has caused.
func allPlain(w uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^'"'*each, w^'\\'*each
	return (w|(w-' '*each)|(quote-each)|(slash-each))&high == 0
}
