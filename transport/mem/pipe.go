package mem

import "time"

// direction is one of the two of a connection, with all its pipes. Like TCP and
// QUIC it has no gaps: once something has vanished, all that follows does.
type direction struct {
	route *route
	lost  bool // something has vanished
}

// pipe is one direction of a sequence of frames: what was sent and has not been
// read. The network's lock guards it.
type pipe struct {
	*direction
	late time.Duration // what is sent takes so much longer than on the route

	packets []packet // packets[:head] are read
	head    int
	size    int  // what is under way, as cost counts it
	unread  bool // the reader is gone, and the sender will hear of it

	end   error // what the reader finds behind the last packet; nil while it is open
	endAt time.Time

	spare [][]byte // buffers to use again
}

// packet is a frame under way.
type packet struct {
	frame    []byte
	at       time.Time // arrives; zero means at once
	tooLarge bool      // the frame is above the limit, and not here
}

// overhead is what a frame counts for beside its bytes, so that empty ones are
// bounded too.
const overhead = 16

func cost(frame []byte) int { return len(frame) + overhead }

// fits tells whether a frame may be sent without waiting. One above the bound
// alone goes when nothing else is under way.
func (p *pipe) fits(frame []byte, buffer int) bool {
	return p.size == 0 || p.size+cost(frame) <= buffer
}

// arrival is when what is sent now arrives, or later if something is before it.
func (p *pipe) arrival() time.Time {
	if p.route.delay+p.late == 0 {
		return time.Time{}
	}
	return time.Now().Add(p.route.delay + p.late)
}

// push sends a copy of a frame, unless it vanishes.
func (p *pipe) push(frame []byte, maxFrame int) {
	p.lost = p.lost || p.route.lost
	switch {
	case p.lost:
		return
	case p.unread:
		p.size += cost(frame)
		return
	}
	packet := packet{at: p.arrival(), tooLarge: len(frame) > maxFrame}
	if !packet.tooLarge {
		packet.frame = append(p.take(), frame...)
	}
	p.packets = append(p.packets, packet)
	p.size += cost(packet.frame)
}

// finish lets the reader find err behind all that was sent.
func (p *pipe) finish(err error) {
	switch {
	case p.end != nil, p.route.lost:
		return
	case p.lost:
		err = ErrReset // there is a gap before it
	}
	p.end, p.endAt = err, p.arrival()
}

// next returns the packet that has arrived. If there is none, it returns the
// time to look again, zero if that is unknown.
func (p *pipe) next() (packet, bool, time.Time) {
	if p.head == len(p.packets) || p.route.held {
		return packet{}, false, time.Time{}
	}
	first := p.packets[p.head]
	if !first.at.IsZero() && time.Now().Before(first.at) {
		return packet{}, false, first.at
	}
	p.packets[p.head] = packet{}
	p.head++
	p.size -= cost(first.frame)
	if p.head == len(p.packets) {
		p.packets, p.head = p.packets[:0], 0
	} else if p.head >= 1024 && p.head > len(p.packets)/2 {
		n := copy(p.packets, p.packets[p.head:])
		clear(p.packets[n:])
		p.packets, p.head = p.packets[:n], 0
	}
	return first, true, time.Time{}
}

// ended returns what the sender left, if that has arrived. If it is still under
// way, it returns the time to look again.
func (p *pipe) ended() (again time.Time, err error) {
	if p.end == nil || p.route.held {
		return time.Time{}, nil
	}
	if time.Now().Before(p.endAt) {
		return p.endAt, nil
	}
	return time.Time{}, p.end
}

// empty tells whether all that was sent has been read.
func (p *pipe) empty() bool { return p.head == len(p.packets) }

// drop forgets all that is under way.
func (p *pipe) drop() {
	p.packets, p.head, p.size, p.spare = nil, 0, 0, nil
}

// The buffers a pipe keeps.
const (
	maxSpare     = 64
	maxSpareSize = 64 << 10
)

// take returns an empty buffer.
func (p *pipe) take() []byte {
	last := len(p.spare) - 1
	if last < 0 {
		return nil
	}
	buf := p.spare[last]
	p.spare = p.spare[:last]
	return buf
}

// give takes back the buffer of a frame that was read. It spoils the content:
// who still holds on to it shall notice.
func (p *pipe) give(buf []byte) {
	spoil(buf)
	if cap(buf) > 0 && cap(buf) <= maxSpareSize && len(p.spare) < maxSpare {
		p.spare = append(p.spare, buf[:0])
	}
}

func spoil(buf []byte) {
	if len(buf) == 0 {
		return
	}
	buf[0] = 0xDB
	for n := 1; n < len(buf); n *= 2 {
		copy(buf[n:], buf[:n])
	}
}
