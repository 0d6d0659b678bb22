package load

import "slices"

// verdict is what a book says about a message.
type verdict uint8

const (
	fresh     verdict = iota // the next one
	late                     // out of order: later ones were there before
	duplicate                // it was there before
)

// book tells what one client has been delivered of one stream.
type book struct {
	stream  uint32
	next    uint32 // the lowest number above all that have been seen
	missing []span // below next, in order; nil while all is well
}

// span is the numbers from first up to end, without end.
type span struct{ first, end uint32 }

// open begins the book of a stream with the first message that is heard of it.
func open(stream, seq uint32) book { return book{stream: stream, next: seq + 1} }

// take enters a message.
func (b *book) take(seq uint32) verdict {
	switch {
	case seq == b.next:
		b.next++
		return fresh
	case seq > b.next:
		b.missing = append(b.missing, span{b.next, seq})
		b.next = seq + 1
		return fresh
	}
	for i, m := range b.missing {
		if seq < m.first || seq >= m.end {
			continue
		}
		b.missing = slices.Replace(b.missing, i, i+1, m.without(seq)...)
		return late
	}
	return duplicate
}

// without is what remains of a span.
func (m span) without(seq uint32) []span {
	var rest []span
	if m.first < seq {
		rest = append(rest, span{m.first, seq})
	}
	if seq+1 < m.end {
		rest = append(rest, span{seq + 1, m.end})
	}
	return rest
}

// lost counts what has not come of a stream in which sent messages were sent.
func (b *book) lost(sent uint32) int {
	n := 0
	for _, m := range b.missing {
		n += int(m.end - m.first)
	}
	if sent > b.next {
		n += int(sent - b.next)
	}
	return n
}
