package node

import "github.com/socketmesh/mesh/core"

// replay keeps the frames of one fifo, in the order in which they were taken for writing,
// until the peer acknowledges them. If the link breaks before, they are sent again. It is
// guarded by its peer's lock.
//
// The position of a message is the number of messages of this fifo that were taken before
// it in the session.
type replay struct {
	base    uint64      // position of the first message in trimmed and sent: the peer has all before it
	trimmed []core.Kind // kinds of the oldest messages, whose frames were not kept
	sent    fifo        // the messages behind these

	written uint64 // position behind the last message that was written, or failed to be
	acked   uint64 // position behind the last message that the peer has received
}

// taken returns the position of the next message.
func (r *replay) taken() uint64 {
	return r.base + uint64(len(r.trimmed)+r.sent.len())
}

// add adds frames that were taken for writing.
func (r *replay) add(batch []*frame) { r.sent.push(batch...) }

// release removes the messages that the peer has received, unless they are still being
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

// trim removes the oldest frame and returns it; nil if there is none. The replay
// remembers its kind, because the peer may have received the message or not.
func (r *replay) trim() *frame {
	f := r.sent.pop()
	if f != nil {
		r.trimmed = append(r.trimmed, f.kind)
	}
	return f
}

// reset empties the replay and sets it to a position. It returns what it held.
func (r *replay) reset(position uint64) (trimmed []core.Kind, kept []*frame) {
	trimmed, kept = r.trimmed, r.sent.frames[r.sent.head:]
	*r = replay{base: position, written: position, acked: position}
	return trimmed, kept
}
