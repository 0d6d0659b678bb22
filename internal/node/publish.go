package node

import "fmt"

import (
	"github.com/socketmesh/mesh/core"
)

// publish sends m to those of these peers that the route includes, on a stream of
// its namespace: one encoding per codec, shared by all that are written to in it.
// It never blocks. If m is a request it returns whom the route leaves out. What
// observers are to hear of it, they are told later.
func (n *Node) publish(m *core.Message, stream uint32, r *route, to []*peer, later *deferred) (left []string) {
	var few [4]*frame
	frames := few[:]
	if len(n.cfg.Codecs) > len(few) {
		frames = make([]*frame, len(n.cfg.Codecs))
	}
	published := false
	for _, p := range to {
		if p.referenceOnly && !m.Kind.Reference() {
			continue
		}
		if !r.includes(p) {
			if m.RequestID != "" {
				left = append(left, p.id)
			}
			continue
		}
		f := frames[p.codec]
		if f == nil {
			f = n.encode(p.codec, m, stream, later)
			frames[p.codec] = f
		}
		if f == &unsendable {
			id, kind := p.id, m.Kind
			later.add(func() { n.stats.dropped(id, kind, core.ErrUnsupported) })
			continue
		}
		if p.push(f, later) && !published {
			published = true
			n.stats.publish(m.Kind, len(f.bytes))
		}
	}
	for _, f := range frames {
		if f != nil && f != &unsendable {
			f.release()
		}
	}
	return left
}

// unsendable stands for a message that cannot be encoded.
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
