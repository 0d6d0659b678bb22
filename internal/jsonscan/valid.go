package jsonscan

import "unicode/utf8"

// valid reports whether src is one JSON value, faster than a Scanner. It reports false
// for a text that is nested deeper than 64 levels, which a Scanner has to check.
func valid(src []byte) bool {
	var objects uint64 // one bit per open container, the innermost last: whether it is an object
	depth := 0
	key := false // a key is expected, else a value
	for i := 0; ; {
		i = skipSpace(src, i)
		if i == len(src) {
			return false
		}
		c := src[i]
		switch {
		case c == '"':
			if i = stringEnd(src, i+1); i < 0 {
				return false
			}
			if key {
				i = skipSpace(src, i)
				if i == len(src) || src[i] != ':' {
					return false
				}
				i++
				key = false
				continue
			}
		case key:
			return false
		case c == '{' || c == '[':
			if depth == 64 {
				return false
			}
			depth++
			objects <<= 1
			end := byte(']')
			if c == '{' {
				objects |= 1
				end = '}'
			}
			i = skipSpace(src, i+1)
			if i == len(src) || src[i] != end {
				key = c == '{'
				continue
			}
			// The loop below handles the end.
		default:
			if i = scalarEnd(src, i); i < 0 {
				return false
			}
		}
		for { // behind a value, or at the end of an empty container
			i = skipSpace(src, i)
			if depth == 0 {
				return i == len(src)
			}
			if i == len(src) {
				return false
			}
			c, object := src[i], objects&1 == 1
			i++
			if c == ',' {
				key = object
				break
			}
			if c != '}' && c != ']' || (c == '}') != object {
				return false
			}
			depth--
			objects >>= 1
		}
	}
}

func skipSpace(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index behind the closing quote of the string that continues at
// i; -1 if it is malformed.
func stringEnd(src []byte, i int) int {
	for {
		i = skipPlain(src, i)
		if i == len(src) {
			return -1
		}
		switch c := src[i]; {
		case c >= utf8.RuneSelf:
			i++
		case c == '"':
			return i + 1
		case c != '\\':
			return -1
		default:
			n := escapeLen(src[i:])
			if n == 0 {
				return -1
			}
			i += n
		}
	}
}

// scalarEnd returns the index behind the number or literal that begins at i; -1 if it is
// malformed.
func scalarEnd(src []byte, i int) int {
	literal := ""
	switch src[i] {
	case 't':
		literal = "true"
	case 'f':
		literal = "false"
	case 'n':
		literal = "null"
	default:
		s := Scanner{src: src, pos: i}
		if _, err := s.number(); err != nil {
			return -1
		}
		return s.pos
	}
	end := i + len(literal)
	if end > len(src) || string(src[i:end]) != literal {
		return -1
	}
	return end
}
