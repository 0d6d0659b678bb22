package node

import (
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// publish sends m to those of these peers that the route includes, on its namespace's
// stream. m is encoded once per codec, and all peers with that codec share the frame.
// publish never blocks; calls to observers are added to later, and tally, if not nil,
// counts the peers.
//
// If m is a request, it returns the ids of the peers that the route leaves out. A peer
// from which a request is withheld is not one of them: it answers, or takeCovered does in
// its name.
func (n *Node) publish(m *core.Message, stream uint32, r *route, to []*peer, tally *core.Publication, later *deferred) (left []string) {
	var few [4]*frame
	frames := few[:]
	if len(n.cfg.Codecs) > len(few) {
		frames = make([]*frame, len(n.cfg.Codecs))
	}
	published := false
	traced := n.traced(m, to)
	if r != nil {
		r.traced = traced.tagOf()
	}
	for _, p := range to {
		if !p.takes(m.Kind) {
			continue
		}
		switch r.admit(p, m, later) {
		case toLeaveOut:
			if m.RequestID != "" {
				left = append(left, p.id)
			}
			traced.copy(p, core.CopyLeftOut)
			continue
		case toWithhold:
			traced.copy(p, core.CopyWithheld)
			continue
		}
		f := frames[p.codec]
		if f == nil {
			f = n.encode(p.codec, m, stream, later)
			traced.mark(f)
			frames[p.codec] = f
		}
		if f == &unsendable {
			id, kind := p.id, m.Kind
			later.add(func() { n.stats.dropped(id, kind, core.ErrUnsupported) })
			traced.copy(p, core.CopyDropped)
			count(tally, putDropped)
			continue
		}
		result := p.put(f, later)
		count(tally, result)
		queued := result != putDropped
		traced.queued(p, queued)
		if queued && !published {
			published = true
			n.stats.publish(m.Kind, len(f.bytes))
		}
	}
	traced.end()
	if published && r != nil && r.withheld != nil {
		r.withheld.counted.Store(true)
	}
	for _, f := range frames {
		if f != nil && f != &unsendable {
			f.release()
		}
	}
	return left
}

// count counts the result for one peer.
func count(tally *core.Publication, result outcome) {
	switch {
	case tally == nil:
	case result == putQueued:
		tally.Queued++
	case result == putHeld:
		tally.Held++
	default:
		tally.Dropped++
	}
}

// unsendable stands for a message that cannot be encoded, or is larger than MaxFrame.
var unsendable frame

func (n *Node) encode(codec int, m *core.Message, stream uint32, later *deferred) *frame {
	f, err := newFrame(n.cfg.Codecs[codec], m, stream)
	if err == nil && len(f.bytes) > n.cfg.MaxFrame {
		err = fmt.Errorf("%w: %d bytes, limit %d", core.ErrTooLarge, len(f.bytes), n.cfg.MaxFrame)
		f.release()
	}
	if err != nil {
		kind, namespace := m.Kind, m.Namespace
		if _, ok := n.logLimit.Allow("encode " + kind.String()); ok {
			later.add(func() {
				n.log.Error("cannot send a message", "kind", kind, "namespace", namespace,
					"codec", n.cfg.Codecs[codec].Name(), "error", err)
			})
		}
		return &unsendable
	}
	return f
}
