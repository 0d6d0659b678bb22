package codectest

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// Diff describes how two messages differ; "" if they mean the same. Payloads are
// the same if their texts are the same JSON and the same bytes stand in place of
// their placeholders; it does not matter which attachment has which number, or
// how a number is written. No list is the same as an empty one. Flags.Local is
// not compared.
func Diff(have, want *core.Message, opts ...Option) string {
	o := optionsOf(opts)
	a, b := fieldsOf(have, o), fieldsOf(want, o)
	for i := range a {
		if !reflect.DeepEqual(a[i].value, b[i].value) {
			return fmt.Sprintf("%s: have %.300v, want %.300v", a[i].name, a[i].value, b[i].value)
		}
	}
	return ""
}

// SamePayload reports whether two payloads mean the same, as in [Diff].
func SamePayload(a, b core.Payload) bool {
	x, errX := treeOf(a)
	y, errY := treeOf(b)
	return errX == nil && errY == nil && a.IsZero() == b.IsZero() && reflect.DeepEqual(x, y)
}

type field struct {
	name  string
	value any
}

func fieldsOf(m *core.Message, o options) []field {
	flags := m.To.Flags
	flags.Local = false
	fields := []field{
		{"kind", m.Kind},
		{"from", m.From},
		{"namespace", m.Namespace},
		{"request id", m.RequestID},
		{"target rooms", listOf(m.To.Rooms)},
		{"target except", listOf(m.To.Except)},
		{"flags", flags},
		{"rooms", listOf(m.Rooms)},
		{"close", m.Close},
		{"brief", m.Brief && !o.reference},
		{"count", m.Count},
		{"trace", traceOf(m, o)},
		{"number of sockets", len(m.Sockets)},
		{"payload", valueOf(m.Payload, nil, o)},
	}
	for i, s := range m.Sockets {
		fields = append(fields,
			field{fmt.Sprintf("socket %d: id", i), s.ID},
			field{fmt.Sprintf("socket %d: rooms", i), listOf(s.Rooms)},
			field{fmt.Sprintf("socket %d: address", i), addressOf(s, o)},
			field{fmt.Sprintf("socket %d: handshake", i), valueOf(s.Handshake, object{}, o)},
			field{fmt.Sprintf("socket %d: data", i), valueOf(s.Data, object{}, o)},
		)
	}
	return fields
}

// traceOf returns a message's trace for comparison; "" for reference codecs, which do not
// carry it.
func traceOf(m *core.Message, o options) string {
	if o.reference {
		return ""
	}
	return m.Trace
}

// addressOf returns a socket's address for comparison; "" for reference codecs, which do
// not carry it.
func addressOf(s core.Socket, o options) string {
	if o.reference {
		return ""
	}
	return s.Address
}

func listOf(list []string) []string { return append([]string{}, list...) }

// noValue stands for the zero Payload where it differs from null.
type noValue struct{}

// valueOf returns the tree of a payload for comparison. zero stands for the zero Payload
// in reference codecs.
func valueOf(p core.Payload, zero any, o options) any {
	if p.IsZero() {
		if o.reference {
			return zero
		}
		return noValue{}
	}
	v, err := treeOf(p)
	if err != nil {
		return err.Error()
	}
	if o.reference {
		v = referenceValue(v)
	}
	return v
}

// clone returns a deep copy.
func clone(m *core.Message) *core.Message {
	c := *m
	c.Rooms = slices.Clone(m.Rooms)
	c.To.Rooms = slices.Clone(m.To.Rooms)
	c.To.Except = slices.Clone(m.To.Except)
	c.Payload = clonePayload(m.Payload)
	c.Sockets = slices.Clone(m.Sockets)
	for i, s := range c.Sockets {
		c.Sockets[i].Rooms = slices.Clone(s.Rooms)
		c.Sockets[i].Handshake = clonePayload(s.Handshake)
		c.Sockets[i].Data = clonePayload(s.Data)
	}
	return &c
}

func clonePayload(p core.Payload) core.Payload {
	p.Text = slices.Clone(p.Text)
	p.Attachments = slices.Clone(p.Attachments)
	for i, a := range p.Attachments {
		p.Attachments[i] = slices.Clone(a)
	}
	return p
}

// scribble overwrites everything that m points to.
func scribble(m *core.Message) {
	for _, list := range [][]string{m.Rooms, m.To.Rooms, m.To.Except} {
		for i := range list {
			list[i] = "scribbled"
		}
	}
	scribblePayload(m.Payload)
	for i := range m.Sockets {
		for j := range m.Sockets[i].Rooms {
			m.Sockets[i].Rooms[j] = "scribbled"
		}
		scribblePayload(m.Sockets[i].Handshake)
		scribblePayload(m.Sockets[i].Data)
		m.Sockets[i] = core.Socket{ID: "scribbled"}
	}
}

func scribblePayload(p core.Payload) {
	scribbleBytes(p.Text)
	for i, a := range p.Attachments {
		scribbleBytes(a)
		p.Attachments[i] = nil
	}
}

func scribbleBytes(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}
