package json

import (
	"math"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

// usual reads the headers that nearly all messages have, in the very bytes that
// appendHeader writes: a kind, where from, a namespace, a request's id, rooms, a
// payload and sockets, with strings that need no escapes. Of any other it takes nothing, and
// reports false: then it has to be read as what it is, JSON.
func (d *decoder) usual(m *core.Message) bool {
	c := cursor{rest: d.src}
	if !c.eat(`{"kind":`) {
		return false
	}
	kind := c.number()
	c.must(`,"from":"`)
	m.From = c.text()
	c.must(`,"nsp":"`)
	m.Namespace = c.text()
	if c.eat(`,"id":"`) {
		m.RequestID = c.text()
	}
	if c.eat(`,"to":{"rooms":["`) {
		m.To.Rooms = c.texts()
		c.must(`}`)
	}
	if c.eat(`,"payload":[`) {
		d.usualPayload(&c, &m.Payload)
	}
	if c.eat(`,"sockets":[`) {
		m.Sockets = d.usualSockets(&c)
	}
	c.must(`}`)
	m.Kind = core.Kind(min(kind, math.MaxUint8))
	return !c.lost && c.rest == "" && m.Kind.Valid() && m.Namespace != "" && !m.Kind.NeedsRooms() && len(d.blobs) == 0
}

// usualPayload takes what the lengths announce.
func (d *decoder) usualPayload(c *cursor, p *core.Payload) {
	for more := true; more && !c.lost; more = c.eat(",") {
		n := c.number()
		if n > len(d.blobs) {
			c.lost = true
			return
		}
		blob := d.blobs[:n:n]
		d.blobs = d.blobs[n:]
		if p.Text == nil {
			p.Text = blob
		} else {
			p.Attachments = append(p.Attachments, blob)
		}
	}
	c.must(`]`)
	c.lost = c.lost || jsontext.Check(p.Text, len(p.Attachments)) != nil
}

func (d *decoder) usualSockets(c *cursor) []core.Socket {
	sockets := make([]core.Socket, 0, strings.Count(c.rest, `{"id":"`))
	for more := true; more && !c.lost; more = c.eat(",") {
		var s core.Socket
		c.must(`{"id":"`)
		s.ID = c.text()
		if c.eat(`,"rooms":["`) {
			s.Rooms = c.texts()
		}
		if c.eat(`,"address":"`) {
			s.Address = c.text()
		}
		if c.eat(`,"handshake":[`) {
			d.usualPayload(c, &s.Handshake)
		}
		if c.eat(`,"data":[`) {
			d.usualPayload(c, &s.Data)
		}
		c.must(`}`)
		sockets = append(sockets, s)
	}
	c.must(`]`)
	return sockets
}

// cursor goes through text of one form. When it finds another, it is lost.
type cursor struct {
	rest string
	lost bool
}

// eat takes s, if it comes next.
func (c *cursor) eat(s string) bool {
	rest, ok := strings.CutPrefix(c.rest, s)
	c.rest = rest
	return ok
}

func (c *cursor) must(s string) {
	if !c.eat(s) {
		c.lost = true
	}
}

// text takes what stands before the next quote, and the quote: ASCII, for which a
// string of JSON needs no escapes.
func (c *cursor) text() string {
	for i := range len(c.rest) {
		switch b := c.rest[i]; {
		case b == '"':
			s := c.rest[:i]
			c.rest = c.rest[i+1:]
			return s
		case b < ' ' || b > '~' || b == '\\':
			c.lost = true
			return ""
		}
	}
	c.lost = true
	return ""
}

// texts takes the rest of a list of strings, behind the first one's quote.
func (c *cursor) texts() []string {
	list := make([]string, 1, 1+strings.Count(c.rest[:max(0, strings.IndexByte(c.rest, ']'))], `","`))
	list[0] = c.text()
	for !c.lost && c.eat(`,"`) {
		list = append(list, c.text())
	}
	c.must(`]`)
	return list
}

// number takes an integer of up to nine digits, which is not negative.
func (c *cursor) number() (n int) {
	i := 0
	for ; i < len(c.rest) && c.rest[i]-'0' <= 9; i++ {
		n = n*10 + int(c.rest[i]-'0')
		if i == 9 {
			break
		}
	}
	if i == 0 || i > 9 || i > 1 && c.rest[0] == '0' {
		c.lost = true
		return 0
	}
	c.rest = c.rest[i:]
	return n
}
