package jsonscan

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The errors that this package returns wrap one of these.
var (
	ErrSyntax      = errors.New("invalid JSON")
	ErrDepth       = errors.New("JSON nested too deeply")
	ErrPlaceholder = errors.New("placeholder without an attachment")
)

// MaxDepth bounds the nesting of arrays and objects, as in encoding/json.
const MaxDepth = 10000

// Kind is the kind of a [Token].
type Kind uint8

const (
	End Kind = iota // the text is over
	Object
	ObjectEnd
	Array
	ArrayEnd
	Key // of a member, whose value follows
	String
	Number
	True
	False
	Null
)

// Token is a token of a text.
type Token struct {
	Kind    Kind
	Escaped bool   // Key, String: Text has escapes in it
	Text    []byte // Key, String: between the quotes; Number: all of it. A part of the input.
	Start   int    // of Text in the input
}

// Scanner reads the tokens of one JSON text. It checks the grammar, but not that
// strings are UTF-8. It does not allocate up to a depth of 64.
type Scanner struct {
	src   []byte
	pos   int
	state state
	depth int
	// One bit per open container: whether it is an object. Of the first 64
	// levels in low, of the others in deep, which few texts need.
	low  uint64
	deep *[MaxDepth / 64]uint64

	infinities bool
}

// state says which tokens may come next.
type state uint8

const (
	wantValue   state = iota
	wantElement       // first in an array: a value, or its end
	wantMember        // first in an object: a key, or its end
	wantKey           // behind a comma in an object
	wantMore          // behind a value: a comma or an end
)

// NewScanner returns a Scanner at the start of src.
func NewScanner(src []byte) Scanner { return Scanner{src: src} }

// Depth is the number of arrays and objects that are open.
func (s *Scanner) Depth() int { return s.depth }

// Next returns the next token. After the last one it returns End for ever; after
// an error the position is undefined.
func (s *Scanner) Next() (Token, error) {
	c := s.peek()
	if s.state == wantMore {
		if s.depth == 0 {
			if s.pos < len(s.src) {
				return Token{}, s.fail("more than one value")
			}
			return Token{}, nil
		}
		if c != ',' {
			return s.close(c)
		}
		s.pos++
		s.state = wantValue
		if s.inObject() {
			s.state = wantKey
		}
		c = s.peek()
	}
	switch s.state {
	case wantKey:
		return s.key(c)
	case wantMember:
		if c == '}' {
			return s.close(c)
		}
		return s.key(c)
	case wantElement:
		if c == ']' {
			return s.close(c)
		}
	}
	return s.value(c)
}

// Skip skips the value whose first token is first, and returns the number of arrays and
// objects in it.
func (s *Scanner) Skip(first Token) (containers int, err error) {
	for depth := 0; ; {
		switch first.Kind {
		case Object, Array:
			containers++
			depth++
		case ObjectEnd, ArrayEnd:
			depth--
		}
		if depth == 0 {
			return containers, nil
		}
		if first, err = s.Next(); err != nil {
			return containers, err
		}
	}
}

// Took skips the next member of an object if its text is exactly member, and reports
// whether it is. member is the text of a member that was read before, as
// [Scanner.Since] returns it: its value is a string or literal.
func (s *Scanner) Took(member []byte) bool {
	at := s.pos
	switch {
	case s.state == wantMember:
	case s.state == wantMore && s.depth > 0 && s.inObject() && at < len(s.src) && s.src[at] == ',':
		at++
	default:
		return false
	}
	if len(member) == 0 || !bytes.HasPrefix(s.src[at:], member) {
		return false
	}
	s.pos = at + len(member)
	s.state = wantMore
	return true
}

// Since returns the text from the opening quote of a key, the token before the last, to
// the end of the last token.
func (s *Scanner) Since(key Token) []byte { return s.src[key.Start-1 : s.pos] }

// peek skips white space and returns the byte behind it, or 0 at the end.
func (s *Scanner) peek() byte {
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *Scanner) value(c byte) (Token, error) {
	switch c {
	case '"':
		s.state = wantMore
		return s.quoted(String)
	case '{':
		return s.open(Object, wantMember)
	case '[':
		return s.open(Array, wantElement)
	case 't':
		return s.literal(True, "true")
	case 'f':
		return s.literal(False, "false")
	case 'n':
		return s.literal(Null, "null")
	}
	if c == '-' || isDigit(c) {
		return s.number()
	}
	return Token{}, s.fail("want a value")
}

func (s *Scanner) key(c byte) (Token, error) {
	if c != '"' {
		return Token{}, s.fail("want a key")
	}
	t, err := s.quoted(Key)
	if err != nil {
		return t, err
	}
	if s.peek() != ':' {
		return Token{}, s.fail("want a colon")
	}
	s.pos++
	s.state = wantValue
	return t, nil
}

func (s *Scanner) open(kind Kind, next state) (Token, error) {
	if s.depth == MaxDepth {
		return Token{}, ErrDepth
	}
	bit := uint64(1) << (s.depth % 64)
	word := &s.low
	if i := s.depth/64 - 1; i >= 0 {
		if s.deep == nil {
			s.deep = new([MaxDepth / 64]uint64)
		}
		word = &s.deep[i]
	}
	*word &^= bit
	if kind == Object {
		*word |= bit
	}
	s.depth++
	s.pos++
	s.state = next
	return Token{Kind: kind}, nil
}

func (s *Scanner) close(c byte) (Token, error) {
	kind := ArrayEnd
	if s.inObject() {
		kind = ObjectEnd
	}
	if kind == ArrayEnd && c != ']' || kind == ObjectEnd && c != '}' {
		return Token{}, s.fail("want a comma or an end")
	}
	s.depth--
	s.pos++
	s.state = wantMore
	return Token{Kind: kind}, nil
}

// inObject reports whether the innermost open container is an object.
func (s *Scanner) inObject() bool {
	top := s.depth - 1
	word := s.low
	if top >= 64 {
		word = s.deep[top/64-1]
	}
	return word>>(top%64)&1 == 1
}

func (s *Scanner) literal(kind Kind, text string) (Token, error) {
	end := s.pos + len(text)
	if end > len(s.src) || string(s.src[s.pos:end]) != text {
		return Token{}, s.fail("want " + text)
	}
	s.pos = end
	s.state = wantMore
	return Token{Kind: kind}, nil
}

// quoted reads the string whose opening quote is next.
func (s *Scanner) quoted(kind Kind) (Token, error) {
	start := s.pos + 1
	t := Token{Kind: kind, Start: start}
	for i := start; ; i++ {
		i = skipPlain(s.src, i)
		if i == len(s.src) {
			s.pos = i
			return Token{}, s.fail("unclosed string")
		}
		c := s.src[i]
		switch {
		case c >= utf8.RuneSelf:
			continue
		case c == '"':
			t.Text = s.src[start:i:i]
			s.pos = i + 1
			return t, nil
		case c != '\\':
			s.pos = i
			return Token{}, s.fail("control character in a string")
		}
		n := escapeLen(s.src[i:])
		if n == 0 {
			s.pos = i
			return Token{}, s.fail("unknown escape")
		}
		t.Escaped = true
		i += n - 1
	}
}

// escapeLen returns the length of the escape at the beginning of src; 0 if it is
// malformed.
func escapeLen(src []byte) int {
	if len(src) < 2 {
		return 0
	}
	switch src[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(src[2:]); ok {
			return 6
		}
	}
	return 0
}

func (s *Scanner) number() (Token, error) {
	start := s.pos
	if s.src[s.pos] == '-' {
		s.pos++
	}
	switch {
	case s.pos < len(s.src) && s.src[s.pos] == '0':
		s.pos++
	case s.digits() == 0:
		return Token{}, s.fail("want a digit")
	}
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		s.pos++
		if s.digits() == 0 {
			return Token{}, s.fail("want a digit")
		}
	}
	if s.pos < len(s.src) && s.src[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return Token{}, s.fail("want a digit")
		}
	}
	s.state = wantMore
	return Token{Kind: Number, Text: s.src[start:s.pos:s.pos], Start: start}, nil
}

// digits skips decimal digits and returns their number.
func (s *Scanner) digits() int {
	start := s.pos
	for s.pos < len(s.src) && isDigit(s.src[s.pos]) {
		s.pos++
	}
	return s.pos - start
}

func isDigit(c byte) bool { return c-'0' < 10 }

func (s *Scanner) fail(what string) error {
	return fmt.Errorf("%w: byte %d: %s", ErrSyntax, s.pos, what)
}
