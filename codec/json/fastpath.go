package json

import (
	"math"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
)

// fastPath decodes headers that have exactly the form that appendHeader writes, as nearly
// all messages have: kind, sender, namespace, request id, rooms, payload and sockets,
// with strings without escapes. For any other header it reports false, and the header has
// to be decoded as JSON; m may have been changed by then.
func (d *decoder) fastPath(m *core.Message) bool {
	c := cursor{rest: d.src}
	if !c.accept(`{"kind":`) {
		return false
	}
	kind := c.number()
	c.expect(`,"from":"`)
	m.From = c.text()
	c.expect(`,"nsp":"`)
	m.Namespace = c.text()
	if c.accept(`,"id":"`) {
		m.RequestID = c.text()
	}
	if c.accept(`,"trace":"`) {
		m.Trace = c.text()
	}
	if c.accept(`,"to":{"rooms":["`) {
		m.To.Rooms = d.fastTexts(&c)
		c.expect(`}`)
	}
	if c.accept(`,"payload":[`) {
		d.fastPayload(&c, &m.Payload)
	}
	if c.accept(`,"sockets":[`) {
		m.Sockets = d.fastSockets(&c)
	}
	c.expect(`}`)
	m.Kind = core.Kind(min(kind, math.MaxUint8))
	return !c.failed && c.rest == "" && m.Kind.Valid() && m.Namespace != "" && !m.Kind.NeedsRooms() && len(d.blobs) == 0
}

// fastPayload takes the blobs of one payload, whose lengths come next.
func (d *decoder) fastPayload(c *cursor, p *core.Payload) {
	for more := true; more && !c.failed; more = c.accept(",") {
		n := c.number()
		if n > len(d.blobs) {
			c.failed = true
			return
		}
		blob := d.blobs[:n:n]
		d.blobs = d.blobs[n:]
		if p.Text == nil {
			p.Text = blob
		} else {
			p.Attachments = append(p.Attachments, blob)
			c.failed = c.failed || d.used.Attachments(1) != nil
		}
	}
	c.expect(`]`)
	c.failed = c.failed || jsonscan.Check(p.Text, len(p.Attachments)) != nil
}

func (d *decoder) fastSockets(c *cursor) []core.Socket {
	n := strings.Count(c.rest, `{"id":"`)
	if d.used.Sockets(n) != nil {
		c.failed = true
		return nil
	}
	sockets := make([]core.Socket, 0, n)
	for more := true; more && !c.failed; more = c.accept(",") {
		var s core.Socket
		c.expect(`{"id":"`)
		s.ID = c.text()
		if c.accept(`,"rooms":["`) {
			s.Rooms = d.fastTexts(c)
		}
		if c.accept(`,"address":"`) {
			s.Address = c.text()
		}
		if c.accept(`,"handshake":[`) {
			d.fastPayload(c, &s.Handshake)
		}
		if c.accept(`,"data":[`) {
			d.fastPayload(c, &s.Data)
		}
		c.expect(`}`)
		sockets = append(sockets, s)
	}
	c.expect(`]`)
	return sockets
}

// fastTexts reads the rest of a list of strings, behind the opening quote of the first.
func (d *decoder) fastTexts(c *cursor) []string {
	n := 1 + strings.Count(c.rest[:max(0, strings.IndexByte(c.rest, ']'))], `","`)
	if d.used.Names(n) != nil {
		c.failed = true
		return nil
	}
	list := make([]string, 1, n)
	list[0] = c.text()
	for !c.failed && c.accept(`,"`) {
		list = append(list, c.text())
	}
	c.expect(`]`)
	return list
}

// cursor reads a header of the expected form. It fails at any deviation.
type cursor struct {
	rest   string
	failed bool
}

// accept skips s, if it comes next.
func (c *cursor) accept(s string) bool {
	rest, ok := strings.CutPrefix(c.rest, s)
	c.rest = rest
	return ok
}

// expect skips s, which has to come next.
func (c *cursor) expect(s string) {
	if !c.accept(s) {
		c.failed = true
	}
}

// text reads the rest of a string and its closing quote. It fails for characters other
// than printable ASCII, and for escapes.
func (c *cursor) text() string {
	for i := range len(c.rest) {
		switch b := c.rest[i]; {
		case b == '"':
			s := c.rest[:i]
			c.rest = c.rest[i+1:]
			return s
		case b < ' ' || b > '~' || b == '\\':
			c.failed = true
			return ""
		}
	}
	c.failed = true
	return ""
}

// number reads a non-negative integer of up to nine digits.
func (c *cursor) number() (n int) {
	i := 0
	for ; i < len(c.rest) && c.rest[i]-'0' <= 9; i++ {
		n = n*10 + int(c.rest[i]-'0')
		if i == 9 {
			break
		}
	}
	if i == 0 || i > 9 || i > 1 && c.rest[0] == '0' {
		c.failed = true
		return 0
	}
	c.rest = c.rest[i:]
	return n
}
