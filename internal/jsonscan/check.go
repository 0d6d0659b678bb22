package jsonscan

import (
	"fmt"
	"unicode/utf8"
)

// Check returns an error unless text is one JSON value in UTF-8 whose placeholders fit
// the number of attachments (see [AppendOutline]).
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
	for s := NewScanner(text); ; { // returns the error
		if t, err := s.Next(); err != nil || t.Kind == End {
			return err
		}
	}
}

// CheckEvent returns an error unless text, which is JSON, is an event of Socket.IO: an
// array whose first element is a string.
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
