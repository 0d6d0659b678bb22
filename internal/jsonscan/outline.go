package jsonscan

import (
	"fmt"
	"math"
)

// Outline describes the arrays and objects of a text, in the order in which
// they open: the number of elements or members, or, for an object that stands
// for attachment i, ^i.
type Outline []int32

// Attachment reports whether the container at index i stands for an attachment, and
// returns its number.
func (o Outline) Attachment(i int) (num int, ok bool) { return int(^o[i]), o[i] < 0 }

// The members of an object that stands for an attachment: the mark, and the number of
// the attachment (Socket.IO protocol, revision 5).
const (
	placeholderKey = "_placeholder"
	numKey         = "num"
)

// AppendOutline appends the outline of text, which it validates: a text that is not JSON
// is an error. Members with the name omit are not counted, although the arrays and
// objects in them are in the outline.
//
// With attachments, an object whose member _placeholder is true stands for one of them.
// Its num must be in range, as Socket.IO's own parser requires; other members are
// ignored. Without attachments it is an object like any other.
func AppendOutline(dst Outline, text []byte, attachments int, omit string) (Outline, error) {
	if len(text) > math.MaxInt32 {
		return dst, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, math.MaxInt32)
	}
	var shallow [16]container
	open := shallow[:0]
	for s := NewScanner(text); ; {
		t, err := s.Next()
		if err != nil || t.Kind == End {
			return dst, err
		}
		var top *container
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch t.Kind {
		case Key:
			if omit == "" || !t.Is(omit) {
				dst[top.place]++
			}
			if attachments > 0 {
				top.member = memberOf(t)
			}
			continue
		case ObjectEnd, ArrayEnd:
			if top.placeholder {
				if top.num < 0 || top.num >= attachments {
					return dst, fmt.Errorf("%w: num is %d of %d", ErrPlaceholder, top.num, attachments)
				}
				dst[top.place] = ^int32(top.num)
			}
			open = open[:len(open)-1]
			continue
		}
		if top != nil {
			if top.array {
				dst[top.place]++
			}
			top.take(t)
		}
		if t.Kind == Object || t.Kind == Array {
			open = append(open, container{place: len(dst), array: t.Kind == Array, num: -1})
			dst = append(dst, 0)
		}
	}
}

// container is an array or object whose end was not read yet.
type container struct {
	place       int // in the outline
	array       bool
	member      member // the one whose value comes next
	placeholder bool
	num         int // -1: none
}

// take notes the value of a member that may make the object a placeholder.
func (c *container) take(t Token) {
	switch c.member {
	case placeholderMember:
		c.placeholder = t.Kind == True
	case numMember:
		c.num = index(t)
	}
}

// member is the role of a member in a placeholder.
type member uint8

const (
	otherMember member = iota
	placeholderMember
	numMember
)

func memberOf(key Token) member {
	switch {
	case key.Is(placeholderKey):
		return placeholderMember
	case key.Is(numKey):
		return numMember
	}
	return otherMember
}

// index reads the number of an attachment; -1 if the value is not one.
func index(t Token) int {
	if t.Kind != Number {
		return -1
	}
	f := ParseNumber(t.Text)
	if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return -1
	}
	return int(f)
}
