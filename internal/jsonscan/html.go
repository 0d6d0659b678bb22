package jsonscan

import "unicode/utf8"

// AppendQuotedHTML appends s as a JSON string exactly as encoding/json writes it:
// characters that are special in HTML are escaped, and so are the line separators U+2028
// and U+2029, which older JavaScript does not allow in strings. Invalid UTF-8 becomes the
// escape of U+FFFD.
func AppendQuotedHTML(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = AppendEscapedHTML(dst, s)
	return append(dst, '"')
}

// AppendEscapedHTML is AppendQuotedHTML without the quotes.
func AppendEscapedHTML(dst []byte, s string) []byte {
	start := 0
	for i := 0; ; {
		i = skipInnocent(s, i)
		if i == len(s) {
			return append(dst, s[start:]...)
		}
		c := s[i]
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			if !(r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029') {
				i += n
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
		} else {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
		}
		i += n
		start = i
	}
}

// skipInnocent is skipPlain, but stops at HTML's special characters as well.
func skipInnocent(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if w := word(s[i : i+8]); !allPlain(w) || anyHTML(w) {
			break
		}
	}
	for i < len(s) && plain[s[i]] && !isHTML(s[i]) {
		i++
	}
	return i
}

func isHTML(c byte) bool { return c == '<' || c == '>' || c == '&' }

// anyHTML checks eight bytes at a time, as allPlain does; they are ASCII.
func anyHTML(w uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	angle, ampersand := (w|2*each)^'>'*each, w^'&'*each // '<' and '>' are a bit apart
	return ((angle-each)|(ampersand-each))&high != 0
}
