package jsontext

import (
	"fmt"
	"math"
)

// Outline describes the arrays and objects of a text, in the order in which
// they open: the number of elements or members, or, for an object that stands
// for attachment i, ^i.
type Outline []int32

// Attachment tells whether the container at place i stands for an attachment,
// and for which.
func (o Outline) Attachment(i int) (num int, ok bool) { return int(^o[i]), o[i] < 0 }

// placeholder marks the objects that stand for an attachment, num tells for
// which (Socket.IO protocol, revision 5).
const (
	placeholderKey = "_placeholder"
	numKey         = "num"
)

// AppendOutline appends the outline of text, which it checks: a text that is not
// JSON is an error. Members named omit are not counted, although what they hold
// is outlined.
//
// With attachments, an object whose member _placeholder is true stands for one
// of them; whichever its other members are, its num must be in range, as
// Socket.IO's own parser wants it. Without attachments such an object means
// itself.
func AppendOutline(dst Outline, text []byte, attachments int, omit string) (Outline, error) {
	if len(text) > math.MaxInt32 {
		return dst, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, math.MaxInt32)
	}
	w := walk{outline: dst, attachments: attachments, omit: omit}
	var shallow [16]container
	w.open = shallow[:0]
	s := NewScanner(text)
	for {
		t, err := s.Next()
		if err != nil || t.Kind == End {
			return w.outline, err
		}
		if err := w.step(t); err != nil {
			return w.outline, err
		}
	}
}

// walk is an outline in the making.
type walk struct {
	outline     Outline
	attachments int
	omit        string
	open        []container
}

// container is an array or object that is open.
type container struct {
	place       int // in the outline
	array       bool
	member      member // the one whose value comes next
	placeholder bool
	num         int // -1: none
}

// member is what the next value means to a placeholder.
type member uint8

const (
	otherMember member = iota
	placeholderMember
	numMember
)

func (w *walk) step(t Token) error {
	switch t.Kind {
	case Key:
		w.key(t)
	case ObjectEnd, ArrayEnd:
		return w.close()
	default:
		w.value(t)
	}
	return nil
}

func (w *walk) key(t Token) {
	top := &w.open[len(w.open)-1]
	if w.omit == "" || !t.Is(w.omit) {
		w.outline[top.place]++
	}
	if w.attachments == 0 {
		return
	}
	switch {
	case t.Is(placeholderKey):
		top.member = placeholderMember
	case t.Is(numKey):
		top.member = numMember
	default:
		top.member = otherMember
	}
}

func (w *walk) value(t Token) {
	if len(w.open) > 0 {
		top := &w.open[len(w.open)-1]
		switch {
		case top.array:
			w.outline[top.place]++
		case top.member == placeholderMember:
			top.placeholder = t.Kind == True
		case top.member == numMember:
			top.num = index(t)
		}
	}
	if t.Kind == Object || t.Kind == Array {
		w.open = append(w.open, container{place: len(w.outline), array: t.Kind == Array, num: -1})
		w.outline = append(w.outline, 0)
	}
}

func (w *walk) close() error {
	top := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if !top.placeholder {
		return nil
	}
	if top.num < 0 || top.num >= w.attachments {
		return fmt.Errorf("%w: num is %d of %d", ErrPlaceholder, top.num, w.attachments)
	}
	w.outline[top.place] = ^int32(top.num)
	return nil
}

// index reads an attachment's place; -1 if the value is none.
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
