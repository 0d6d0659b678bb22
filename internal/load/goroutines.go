package load

import (
	"context"
	"net"
	"sync"
	"time"
)

// goroutines is the wire for systems without epoll. Each connection has a goroutine that
// reads, passes the data on and waits until it was used, and one that writes.
type goroutines struct {
	events
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	happen chan happening
	awake  chan struct{}
}

// happening is an event that one of the goroutines reports.
type happening struct {
	s    *session
	r    *reader
	conn net.Conn // the new connection
	data []byte
	err  error
}

// reader reads the connection of a session.
type reader struct {
	cancel context.CancelFunc
	used   chan int // how much of the reported data was used
	conn   net.Conn // nil until it is connected

	mu      sync.Mutex
	filled  sync.Cond
	pending []byte
	closed  bool
}

func newGoroutines(e events) *goroutines {
	ctx, cancel := context.WithCancel(context.Background())
	return &goroutines{events: e, ctx: ctx, cancel: cancel, happen: make(chan happening), awake: make(chan struct{}, 1)}
}

func (g *goroutines) dial(s *session, to *net.TCPAddr, _ net.IP) error {
	ctx, cancel := context.WithCancel(g.ctx)
	r := &reader{cancel: cancel, used: make(chan int)}
	r.filled.L = &r.mu
	s.reader = r
	g.work.Go(func() {
		defer r.close()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
		if err != nil {
			g.report(ctx, happening{s: s, r: r, err: err})
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		if g.report(ctx, happening{s: s, r: r, conn: conn}) {
			g.read(ctx, s, r, conn)
		}
	})
	return nil
}

// report passes h to poll, unless the connection is given up before.
func (g *goroutines) report(ctx context.Context, h happening) bool {
	select {
	case g.happen <- h:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *goroutines) read(ctx context.Context, s *session, r *reader, conn net.Conn) {
	buffer := make([]byte, 4<<10)
	filled := 0
	for {
		if filled == len(buffer) {
			buffer = append(buffer, make([]byte, len(buffer))...)
		}
		n, err := conn.Read(buffer[filled:])
		if err != nil {
			g.report(ctx, happening{s: s, r: r, err: err})
			return
		}
		filled += n
		if !g.report(ctx, happening{s: s, r: r, data: buffer[:filled]}) {
			return
		}
		select {
		case used := <-r.used:
			filled = copy(buffer, buffer[used:filled])
		case <-ctx.Done():
			return
		}
	}
}

// write sends what flush could not send at once, until the connection is closed.
func (r *reader) write() {
	var batch []byte
	for {
		r.mu.Lock()
		for len(r.pending) == 0 && !r.closed {
			r.filled.Wait()
		}
		if r.closed {
			r.mu.Unlock()
			return
		}
		batch, r.pending = r.pending, batch[:0]
		r.mu.Unlock()
		if _, err := r.conn.Write(batch); err != nil {
			return // the reader reports the error
		}
	}
}

// close ends the goroutines of the connection.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.filled.Signal()
	r.cancel()
}

func (g *goroutines) flush(s *session) {
	r := s.reader
	if r == nil || r.conn == nil || len(s.out) == 0 {
		return
	}
	r.mu.Lock()
	r.pending = append(r.pending, s.out...)
	r.mu.Unlock()
	r.filled.Signal()
	s.out = s.out[:0]
}

func (g *goroutines) hangUp(s *session) {
	r := s.reader
	if r == nil {
		return
	}
	r.close()
	s.link = link{}
}

// unread returns false: it cannot see what a reader goroutine has read.
func (g *goroutines) unread(*session) bool { return false }

func (g *goroutines) poll(timeout time.Duration) error {
	var after <-chan time.Time
	if timeout >= 0 {
		after = time.After(timeout)
	}
	select {
	case h := <-g.happen:
		g.handle(h)
		for range maxHappenings { // and further events that are there
			select {
			case h := <-g.happen:
				g.handle(h)
			default:
				return nil
			}
		}
	case <-g.awake:
	case <-after:
	}
	return nil
}

const maxHappenings = 256

func (g *goroutines) handle(h happening) {
	if h.s.reader != h.r {
		return // it was given up meanwhile
	}
	switch {
	case h.err != nil:
		g.hangUp(h.s)
		g.ended(h.s, h.err)
	case h.conn != nil:
		h.r.conn = h.conn
		g.work.Go(h.r.write)
		g.connected(h.s)
	default:
		used := g.received(h.s, h.data)
		if h.s.reader == h.r {
			h.r.used <- used
		}
	}
}

func (g *goroutines) wake() {
	select {
	case g.awake <- struct{}{}:
	default:
	}
}

func (g *goroutines) close() {
	g.cancel()
	g.work.Wait()
}
