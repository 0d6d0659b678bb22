package node

import "github.com/socketmesh/mesh/core"

// replay keeps the frames of one fifo, in the order in which they were taken for
// writing, until the peer says that it has them. They are sent again if the link breaks
// before. It is guarded by its peer's lock.
//
// Each message has a position: how many of this fifo were taken before it, in the
// session.
type replay struct {
	base    uint64      // position of the first one that is kept: the peer has all before
	trimmed []core.Kind // of the first ones, whose frames were let go
	sent    fifo        // the others

	written uint64 // position behind the last one whose writing has ended
	acked   uint64 // position behind the last one that the peer has
}

// taken is the position of the next message.
func (r *replay) taken() uint64 {
	return r.base + uint64(len(r.trimmed)+r.sent.len())
}

// add keeps frames that have been taken.
func (r *replay) add(batch []*frame) { r.sent.push(batch...) }

// release lets go of the messages that the peer has, unless they are still being
// written, and appends their frames to done.
func (r *replay) release(done []*frame) []*frame {
	n := min(r.acked, r.written) - r.base
	trimmed := min(n, uint64(len(r.trimmed)))
	r.trimmed = r.trimmed[trimmed:]
	if len(r.trimmed) == 0 {
		r.trimmed = nil
	}
	r.base += n
	return r.sent.popMany(int(n-trimmed), done)
}

// trim lets the oldest frame go, and returns it; nil if there is none. It remembers its
// kind, for the peer may have the message.
func (r *replay) trim() *frame {
	f := r.sent.pop()
	if f != nil {
		r.trimmed = append(r.trimmed, f.kind)
	}
	return f
}

// reset begins at a position, with nothing kept. What was kept is returned.
func (r *replay) reset(position uint64) (trimmed []core.Kind, kept []*frame) {
	trimmed, kept = r.trimmed, r.sent.frames[r.sent.head:]
	*r = replay{base: position, written: position, acked: position}
	return trimmed, kept
}
