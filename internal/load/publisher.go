package load

import (
	"strconv"
	"time"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// Pace says how fast publishers publish.
type Pace struct {
	// Window is how many messages of a publisher may be under way: sent, and not yet
	// received by every client of this swarm in their room. 0: no window.
	Window int
	// Rate is how many messages each publisher sends per second, whether they arrive or
	// not. 0 with a window: as fast as the window allows.
	Rate float64
	// Messages is the number of messages after which each publisher ends. 0: at Stop.
	Messages int
}

// publisher is a client that publishes to its rooms in turn.
type publisher struct {
	session *session
	number  int      // the client's number
	frame   []byte   // one message; its room and stamp are overwritten each time
	sent    []uint32 // number of messages by room
	room    int      // the next room

	on     bool
	pace   Pace
	begun  int64
	count  int
	slots  []int32 // by slot: number of clients that have not received its message
	vacant []uint16
}

func newPublisher(w *Swarm, client int) *publisher {
	prefix := `42["pub","` + roomName(0) + `","`
	body := make([]byte, 0, len(prefix)+w.plan.Size+2)
	body = append(body, prefix...)
	for i := range w.plan.Size {
		body = append(body, 'a'+byte(i%26))
	}
	body = append(body, `"]`...)
	return &publisher{
		session: &w.sessions[client-w.plan.First],
		number:  client,
		frame:   appendFrame(nil, wsframe.Text, string(body)),
		sent:    make([]uint32, w.plan.Rooms),
	}
}

func (p *publisher) start(w *Swarm, pace Pace) {
	p.on, p.pace, p.begun, p.count = true, pace, w.now, 0
	p.slots = make([]int32, max(pace.Window, 1))
	p.vacant = p.vacant[:0]
	for i := range pace.Window {
		p.vacant = append(p.vacant, uint16(i))
	}
}

// step publishes the messages that may be published now, and returns when to call it
// again.
func (p *publisher) step(w *Swarm) int64 {
	if !p.on || p.session.phase != ready {
		return never
	}
	for p.pace.Messages == 0 || p.count < p.pace.Messages {
		if p.pace.Window > 0 && len(p.vacant) == 0 {
			return never // the next delivery comes first
		}
		at := w.now
		if p.pace.Rate > 0 {
			// Latency is measured from the time at which a message was due.
			at = p.begun + int64(float64(p.count)/p.pace.Rate*float64(time.Second))
			if at > w.now {
				return at
			}
		}
		if !p.publish(w, at) {
			break
		}
	}
	p.on = false
	return never
}

// publish sends one message to the next room; false if there is no room to send to.
func (p *publisher) publish(w *Swarm, at int64) bool {
	if p.pace.Window > 0 && !p.skipEmpty(w) {
		return false
	}
	var slot uint16
	if n := len(p.vacant); n > 0 && p.pace.Window > 0 {
		slot = p.vacant[n-1]
		p.vacant = p.vacant[:n-1]
		p.slots[slot] = w.members[p.room]
	}
	s := p.session
	begin := len(s.out)
	s.out = append(s.out, p.frame...)
	body := s.out[len(s.out)-w.plan.Size-len(`"]`):]
	stamp{stream: w.stream(p.number, p.room), seq: p.sent[p.room], slot: slot, at: at}.put(body)
	putRoom(s.out[begin:], len(p.frame)-w.plan.Size-len(`"]`), p.room)
	w.touch(s)
	p.sent[p.room]++
	p.count++
	w.tally.Sent++
	p.room = (p.room + 1) % w.plan.Rooms
	return true
}

// putRoom writes the number of a room before the payload, which begins at that index.
func putRoom(frame []byte, payload, room int) {
	end := payload - len(`","`)
	number := strconv.AppendInt(nil, int64(room), 10)
	copy(frame[end-6:end], "000000")
	copy(frame[end-len(number):end], number)
}

// skipEmpty moves on to a room with clients of this swarm: for others it cannot know when
// a message has arrived.
func (p *publisher) skipEmpty(w *Swarm) bool {
	for range w.plan.Rooms {
		if w.members[p.room] > 0 {
			return true
		}
		p.room = (p.room + 1) % w.plan.Rooms
	}
	return false
}

// arrived is called when a client has received a message of this publisher.
func (p *publisher) arrived(slot uint16) {
	if p.pace.Window == 0 || int(slot) >= len(p.slots) {
		return
	}
	if p.slots[slot]--; p.slots[slot] == 0 {
		p.vacant = append(p.vacant, slot)
	}
}

// stream returns the number of the stream of messages from a client to a room.
func (w *Swarm) stream(client, room int) uint32 { return uint32(client*w.plan.Rooms + room) }

// publisherOf returns the publisher of a stream; nil if it is in another swarm.
func (w *Swarm) publisherOf(stream uint32) *publisher {
	i := int(stream)/w.plan.Rooms - w.plan.First
	if i < 0 || i >= len(w.publishers) {
		return nil
	}
	return w.publishers[i]
}
