package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	chunkSize   = 32 << 10
	// maxChunks bounds what is under way in one direction of a connection: the sender
	// feels the rest, as it would feel a full window.
	maxChunks = 256
)

// TCP carries connections to a target. Bytes stay in order, whatever their delays.
type TCP struct {
	target   string
	clock    *clock
	listener net.Listener
	refusing atomic.Bool
	done     chan struct{} // closed by Close
	tasks    sync.WaitGroup

	mu    sync.Mutex
	conns map[*net.TCPConn]struct{}
}

// ListenTCP starts a proxy at listen. Close ends it.
func ListenTCP(listen, target string, d Delay) (*TCP, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &TCP{target: target, clock: newClock(d), listener: l, done: make(chan struct{}), conns: map[*net.TCPConn]struct{}{}}
	p.tasks.Go(p.accept)
	return p, nil
}

// Addr is where it listens.
func (p *TCP) Addr() string { return p.listener.Addr().String() }

// Refuse says whether new connections are reset at once.
func (p *TCP) Refuse(yes bool) { p.refusing.Store(yes) }

// Cut resets all connections, at both ends, and returns how many sockets that were.
func (p *TCP) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
	return len(p.conns)
}

// Close stops listening, resets all connections and joins the proxy's goroutines.
func (p *TCP) Close() {
	close(p.done)
	p.listener.Close()
	p.Cut()
	p.tasks.Wait()
}

func (p *TCP) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(10 * time.Millisecond): // no descriptors, for example
			case <-p.done:
			}
			continue
		}
		if p.refusing.Load() {
			reset(c.(*net.TCPConn))
			continue
		}
		p.tasks.Go(func() { p.carry(c.(*net.TCPConn)) })
	}
}

// carry carries one connection until both directions have ended.
func (p *TCP) carry(in *net.TCPConn) {
	defer p.forget(in)
	if !p.keep(in) {
		return
	}
	c, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		reset(in)
		return
	}
	out := c.(*net.TCPConn)
	defer p.forget(out)
	if !p.keep(out) {
		reset(in)
		return
	}
	var back sync.WaitGroup
	back.Go(func() { p.pump(in, out) })
	p.pump(out, in)
	back.Wait()
}

// keep lets Cut and Close know of a connection. It reports false after Close.
func (p *TCP) keep(c *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return false
	default:
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *TCP) forget(c *net.TCPConn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// chunk is what was read at once, and when it is due.
type chunk struct {
	due   time.Time
	bytes []byte
}

// pump carries one direction. An end goes through as an end, anything else as a reset.
func (p *TCP) pump(to, from *net.TCPConn) {
	chunks := make(chan chunk, maxChunks)
	var reader sync.WaitGroup
	var broken error
	reader.Go(func() {
		defer close(chunks)
		broken = p.read(from, chunks)
	})
	write := true
	for c := range chunks {
		if wait := time.Until(c.due); write && wait > 0 {
			select {
			case <-time.After(wait):
			case <-p.done:
			}
		}
		if !write {
			continue // until the reader has seen that it is over
		}
		if _, err := to.Write(c.bytes); err != nil {
			write = false
			reset(from)
		}
	}
	reader.Wait()
	if broken != nil {
		reset(to)
		return
	}
	to.CloseWrite()
}

// read reads until the end, which is nil, or until something breaks.
func (p *TCP) read(from *net.TCPConn, chunks chan<- chunk) error {
	var last time.Time
	for {
		b := make([]byte, chunkSize)
		n, err := from.Read(b)
		if n > 0 {
			due := time.Now().Add(p.clock.draw())
			if due.Before(last) {
				due = last // what was sent later does not arrive earlier
			}
			last = due
			chunks <- chunk{due, b[:n]}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}
