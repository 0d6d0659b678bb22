package mem

import "time"

// direction is one direction of a connection, with the pipes of all streams. As with TCP
// and QUIC there are no gaps: once a frame was lost, all later ones are.
type direction struct {
	route *route
	lost  bool // a frame was lost
}

// pipe is one direction of a stream: the frames that were sent and not read yet. The
// network's lock guards it.
type pipe struct {
	*direction
	extraDelay time.Duration // beside the route's

	packets []packet // packets[:head] are read
	head    int
	size    int  // the sum of the packets' costs
	unread  bool // the reader has closed; what is sent is dropped

	end   error // what Recv returns behind the last packet; nil while it is open
	endAt time.Time

	spare [][]byte // buffers to use again
}

// packet is a frame that was sent and not read.
type packet struct {
	frame    []byte
	at       time.Time // when it arrives; zero means at once
	tooLarge bool      // the frame is above the limit and was dropped
}

// overhead is added to the length of each frame, so that the number of empty ones is
// bounded as well.
const overhead = 16

func cost(frame []byte) int { return len(frame) + overhead }

// fits reports whether a frame may be sent without waiting. One that is larger than the
// buffer is sent when the pipe is empty.
func (p *pipe) fits(frame []byte, buffer int) bool {
	return p.size == 0 || p.size+cost(frame) <= buffer
}

// arrival is the earliest time at which a frame that is sent now arrives.
func (p *pipe) arrival() time.Time {
	if p.route.delay+p.extraDelay == 0 {
		return time.Time{}
	}
	return time.Now().Add(p.route.delay + p.extraDelay)
}

// push sends a copy of a frame, unless the frame is lost.
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
		packet.frame = append(p.getBuffer(), frame...)
	}
	p.packets = append(p.packets, packet)
	p.size += cost(packet.frame)
}

// finish makes the reader read err behind all that was sent.
func (p *pipe) finish(err error) {
	switch {
	case p.end != nil, p.route.lost:
		return
	case p.lost:
		err = ErrReset // frames before it were lost
	}
	p.end, p.endAt = err, p.arrival()
}

// next returns the first packet, if it has arrived; otherwise the time to try again, zero
// if that is unknown.
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

// ended returns the error behind the last packet, if it has arrived; otherwise the time
// to try again.
func (p *pipe) ended() (again time.Time, err error) {
	if p.end == nil || p.route.held {
		return time.Time{}, nil
	}
	if time.Now().Before(p.endAt) {
		return p.endAt, nil
	}
	return time.Time{}, p.end
}

// empty reports whether all that was sent has been read.
func (p *pipe) empty() bool { return p.head == len(p.packets) }

// drop drops all packets.
func (p *pipe) drop() {
	p.packets, p.head, p.size, p.spare = nil, 0, 0, nil
}

// The number and the size of buffers that a pipe keeps.
const (
	maxSpare     = 64
	maxSpareSize = 64 << 10
)

// getBuffer returns an empty buffer.
func (p *pipe) getBuffer() []byte {
	last := len(p.spare) - 1
	if last < 0 {
		return nil
	}
	buf := p.spare[last]
	p.spare = p.spare[:last]
	return buf
}

// putBuffer takes back the buffer of a frame. It overwrites the content, so that tests
// find code that uses a frame after the next Recv.
func (p *pipe) putBuffer(buf []byte) {
	overwrite(buf)
	if cap(buf) > 0 && cap(buf) <= maxSpareSize && len(p.spare) < maxSpare {
		p.spare = append(p.spare, buf[:0])
	}
}

func overwrite(buf []byte) {
	if len(buf) == 0 {
		return
	}
	buf[0] = 0xDB
	for n := 1; n < len(buf); n *= 2 {
		copy(buf[n:], buf[:n])
	}
}
