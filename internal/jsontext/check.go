package jsontext

import (
	"fmt"
	"unicode/utf8"
)

// Check tells whether text is one JSON value in UTF-8, and whether its
// placeholders fit the number of attachments (see [AppendOutline]).
func Check(text []byte, attachments int) error {
	if !utf8.Valid(text) {
		return fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	if attachments > 0 {
		var shallow [32]int32
		_, err := AppendOutline(shallow[:0], text, attachments, "")
		return err
	}
	if valid(text) {
		return nil
	}
	for s := NewScanner(text); ; { // says what is wrong
		if t, err := s.Next(); err != nil || t.Kind == End {
			return err
		}
	}
}

// CheckEvent tells whether text, which is JSON, is an event as Socket.IO has
// them: an array whose first element is a string.
func CheckEvent(text []byte) error {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '[' {
		return fmt.Errorf("%w: an event is an array", ErrSyntax)
	}
	i = skipSpace(text, i+1)
	if i == len(text) || text[i] != '"' || stringEnd(text, i+1) < 0 {
		return fmt.Errorf("%w: an event's name is a string", ErrSyntax)
	}
	return nil
}
