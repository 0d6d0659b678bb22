package socketio

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// poll is an event whose acknowledgements by local clients are awaited. Its
// sockets know the packet id until they have answered, the time is up, or the
// host closes.
type poll struct {
	polls  *polls
	id     uint64
	answer func(args []any)
	asked  int // sockets that got the event; the asking goroutine's

	mu      sync.Mutex
	waiting map[*socket.Socket]struct{}
	timer   *time.Timer
}

// ask registers the poll with a socket, which is to be sent the event next.
func (p *poll) ask(s *socket.Socket) {
	p.asked++
	p.mu.Lock()
	p.waiting[s] = struct{}{}
	p.mu.Unlock()
	s.Acks().Store(p.id, func(args []any, _ error) { p.answered(s, args) })
}

// withdraw takes an ask back.
func (p *poll) withdraw(s *socket.Socket) {
	p.asked--
	s.Acks().Delete(p.id)
	p.mu.Lock()
	delete(p.waiting, s)
	p.mu.Unlock()
}

// answered passes the first answer of a socket on, if it comes in time.
func (p *poll) answered(s *socket.Socket, args []any) {
	p.mu.Lock()
	_, ok := p.waiting[s]
	delete(p.waiting, s)
	last := ok && len(p.waiting) == 0 && p.timer != nil
	p.mu.Unlock()
	if last {
		p.forget()
	}
	if ok {
		p.answer(args)
	}
}

// await lets the poll end after timeout, 0 meaning the default. All sockets have
// been asked.
func (p *poll) await(timeout time.Duration) {
	if timeout <= 0 {
		timeout = core.DefaultRequestTimeout
	}
	p.mu.Lock()
	none := len(p.waiting) == 0
	if !none {
		p.timer = time.AfterFunc(timeout, p.forget)
	}
	p.mu.Unlock()
	if none {
		p.forget()
	}
}

// forget ends the poll: those who have not answered need not any more.
func (p *poll) forget() {
	p.polls.remove(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	for s := range p.waiting {
		s.Acks().Delete(p.id)
	}
	clear(p.waiting)
}

// polls are those under way.
type polls struct {
	mu  sync.Mutex
	all map[*poll]struct{}
}

func (ps *polls) open(id uint64, answer func(args []any)) *poll {
	p := &poll{polls: ps, id: id, answer: answer, waiting: map[*socket.Socket]struct{}{}}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all == nil {
		ps.all = map[*poll]struct{}{}
	}
	ps.all[p] = struct{}{}
	return p
}

func (ps *polls) remove(p *poll) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.all, p)
}

func (ps *polls) close() {
	ps.mu.Lock()
	all := ps.all
	ps.all = nil
	ps.mu.Unlock()
	for p := range all {
		p.forget()
	}
}
