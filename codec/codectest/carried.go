package codectest

import (
	"math"
	"time"

	"github.com/socketmesh/mesh/core"
)

// carried returns m as it is after Append and Decode of any codec.
func carried(m *core.Message) *core.Message {
	c := clone(m)
	for _, s := range []*string{&c.From, &c.Namespace, &c.RequestID, &c.Trace} {
		*s = utf8Of(*s)
	}
	for _, list := range [][]string{c.Rooms, c.To.Rooms, c.To.Except} {
		utf8OfAll(list)
	}
	for i := range c.Sockets {
		c.Sockets[i].ID = utf8Of(c.Sockets[i].ID)
		c.Sockets[i].Address = utf8Of(c.Sockets[i].Address)
		utf8OfAll(c.Sockets[i].Rooms)
	}
	c.To.Flags.Local = false
	c.To.Flags.Timeout = roundUp(m.To.Flags.Timeout, math.MaxInt64/time.Millisecond)
	return c
}

// utf8Of replaces each byte that is not UTF-8.
func utf8Of(s string) string { return string([]rune(s)) }

func utf8OfAll(list []string) {
	for i, s := range list {
		list[i] = utf8Of(s)
	}
}

// roundUp returns d in whole milliseconds, rounded up: 0 to most of them.
func roundUp(d, most time.Duration) time.Duration {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return min(max(ms, 0), most) * time.Millisecond
}

// referenced returns what a codec of reference peers carries of a message: the fields
// that its kind needs. What [Diff] takes into account is left to it.
func referenced(m *core.Message) *core.Message {
	r := &core.Message{Kind: m.Kind, From: m.From, Namespace: m.Namespace}
	switch m.Kind {
	case core.KindBroadcast:
		r.To, r.Payload, r.RequestID = m.To, m.Payload, m.RequestID
	case core.KindSocketsJoin, core.KindSocketsLeave:
		r.To, r.Rooms = m.To, m.Rooms
	case core.KindDisconnectSockets:
		r.To, r.Close = m.To, m.Close
	case core.KindFetchSockets:
		r.To, r.RequestID = m.To, m.RequestID
	case core.KindFetchSocketsResponse:
		r.RequestID, r.Sockets = m.RequestID, m.Sockets
	case core.KindServerSideEmit, core.KindServerSideEmitResponse, core.KindBroadcastAck:
		r.RequestID, r.Payload = m.RequestID, m.Payload
	case core.KindBroadcastClientCount:
		r.RequestID, r.Count = m.RequestID, m.Count
	}
	r.To.Flags.Timeout = roundUp(r.To.Flags.Timeout, math.MaxInt32)
	return r
}

// harmful reports whether m contains something that a reference peer would not survive or
// understand.
func harmful(m *core.Message) bool {
	r := referenced(m)
	if r.Count > 1<<53-1 || tooDeep(r.Payload) {
		return true
	}
	for _, s := range r.Sockets {
		if tooDeep(s.Handshake) || tooDeep(s.Data) || !s.Handshake.IsZero() && !isObject(s.Handshake) {
			return true
		}
	}
	return false
}

func isObject(p core.Payload) bool {
	v, err := treeOf(p)
	_, ok := v.(object)
	return err == nil && ok
}

// tooDeep reports whether p is nested more than 1,000 deep.
func tooDeep(p core.Payload) bool {
	v, err := treeOf(p)
	return err == nil && depthOf(v) > 1000
}

func depthOf(v any) (depth int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			depth = max(depth, depthOf(e))
		}
	case object:
		for _, m := range v {
			depth = max(depth, depthOf(m.value))
		}
	default:
		return 0
	}
	return depth + 1
}
