package jsonscan

import (
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnquoted appends the value of a Key or String token, as UTF-8.
// Halves of surrogate pairs and invalid UTF-8 become U+FFFD.
func AppendUnquoted(dst, text []byte) []byte {
	for len(text) > 0 {
		c := text[0]
		switch {
		case c == '\\':
			var r rune
			r, text = unescape(text)
			dst = utf8.AppendRune(dst, r)
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			text = text[1:]
		default:
			r, n := utf8.DecodeRune(text)
			dst = utf8.AppendRune(dst, r)
			text = text[n:]
		}
	}
	return dst
}

// Is reports whether the value of a Key or String token is want, which is ASCII.
func (t Token) Is(want string) bool {
	if !t.Escaped {
		return string(t.Text) == want
	}
	text := t.Text
	for i := range len(want) {
		if len(text) == 0 {
			return false
		}
		r := rune(text[0])
		if r == '\\' {
			r, text = unescape(text)
		} else {
			text = text[1:]
		}
		if r != rune(want[i]) {
			return false
		}
	}
	return len(text) == 0
}

// unescape reads the escape, or pair of them, that text begins with.
func unescape(text []byte) (rune, []byte) {
	c := text[1]
	if c != 'u' {
		return plainEscapes[c], text[2:]
	}
	r, _ := hex4(text[2:])
	text = text[6:]
	if !utf16.IsSurrogate(r) {
		return r, text
	}
	if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
		low, _ := hex4(text[2:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, text[6:]
		}
	}
	return utf8.RuneError, text
}

var plainEscapes = [256]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hex4 reads four hexadecimal digits.
func hex4(src []byte) (r rune, ok bool) {
	if len(src) < 4 {
		return 0, false
	}
	for _, c := range src[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string, with the escapes that JavaScript
// writes. Invalid UTF-8 becomes U+FFFD.
func AppendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; ; {
		i = skipPlain(s, i)
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			if n := runeLen(s[i:]); n > 0 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		if c >= utf8.RuneSelf {
			dst = append(dst, "\uFFFD"...)
		} else {
			dst = appendEscape(dst, c)
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// runeLen returns the length of the rune at the beginning of s; 0 if it is invalid.
func runeLen[T string | []byte](s T) int {
	// A conversion of four bytes does not allocate.
	r, n := utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
