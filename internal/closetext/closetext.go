// Package closetext fits the reason of a close into a WebSocket's close frame,
// which has the same limits for every transport.
package closetext

import (
	"strings"
	"unicode/utf8"
)

// Max is the length of the longest text in a close frame, in bytes: a control
// frame's 125 without the code (RFC 6455, section 5.5).
const Max = 123

// Trim returns the text as valid UTF-8, cut before the first character that does
// not fit into Max bytes.
func Trim(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= Max {
		return text
	}
	end := Max
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
