package load

import "slices"

// verdict is the result of checking a message.
type verdict uint8

const (
	fresh     verdict = iota // the next one in order
	late                     // out of order: later messages came before it
	duplicate                // it has come before
)

// sequenceCheck records which messages of one stream one client has received.
type sequenceCheck struct {
	stream  uint32
	next    uint32 // one above the highest number received
	missing []span // not received, below next, in order; nil if nothing is missing
}

// span is the numbers from first to end, without end.
type span struct{ first, end uint32 }

// newSequenceCheck starts the check of a stream with its first message.
func newSequenceCheck(stream, seq uint32) sequenceCheck {
	return sequenceCheck{stream: stream, next: seq + 1}
}

// take records a message.
func (c *sequenceCheck) take(seq uint32) verdict {
	switch {
	case seq == c.next:
		c.next++
		return fresh
	case seq > c.next:
		c.missing = append(c.missing, span{c.next, seq})
		c.next = seq + 1
		return fresh
	}
	for i, m := range c.missing {
		if seq < m.first || seq >= m.end {
			continue
		}
		c.missing = slices.Replace(c.missing, i, i+1, m.without(seq)...)
		return late
	}
	return duplicate
}

// without returns the parts of a span around a number.
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

// lost returns how many of the sent messages of a stream have not come.
func (c *sequenceCheck) lost(sent uint32) int {
	n := 0
	for _, m := range c.missing {
		n += int(m.end - m.first)
	}
	if sent > c.next {
		n += int(sent - c.next)
	}
	return n
}
