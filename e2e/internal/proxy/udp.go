package proxy

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	maxPacket = 64 << 10
	// idleTimeout is when a sender is forgotten of whom nothing was heard, nor anything
	// was sent to.
	idleTimeout = 30 * time.Second
	// maxSenders bounds the senders; those beyond are not carried.
	maxSenders = 1024
)

// UDP carries packets to a target and back. Packets whose delays differ may overtake each
// other, as on a network.
type UDP struct {
	target *net.UDPAddr
	clock  *clock
	conn   *net.UDPConn
	tasks  sync.WaitGroup // goroutines that read
	late   sync.WaitGroup // packets under way

	mu      sync.Mutex
	closed  bool
	senders map[netip.AddrPort]*net.UDPConn // each has a socket towards the target
}

// ListenUDP starts a proxy at listen. Close ends it.
func ListenUDP(listen, target string, d Delay) (*UDP, error) {
	to, err := net.ResolveUDPAddr("udp", target)
	if err != nil {
		return nil, err
	}
	at, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	p := &UDP{target: to, clock: newClock(d), conn: conn, senders: map[netip.AddrPort]*net.UDPConn{}}
	p.tasks.Go(p.receive)
	return p, nil
}

// Addr is where it listens.
func (p *UDP) Addr() string { return p.conn.LocalAddr().String() }

// Rebind sends on from other ports, as a router does that has forgotten its connections,
// and returns how many senders that concerns.
func (p *UDP) Rebind() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.senders)
	for from, c := range p.senders {
		c.Close()
		delete(p.senders, from)
	}
	return n
}

// Close ends the proxy and joins its goroutines. What is under way is lost.
func (p *UDP) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.conn.Close()
	p.Rebind()
	p.tasks.Wait()
	p.late.Wait()
}

// receive takes the packets for the target.
func (p *UDP) receive() {
	b := make([]byte, maxPacket)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return // after Close
		}
		if to := p.sender(from); to != nil {
			p.later(b[:n], func(packet []byte) { to.Write(packet) })
		}
	}
}

// sender is the socket for the packets of one sender; nil if there are too many.
func (p *UDP) sender(from netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.senders[from]; c != nil {
		c.SetReadDeadline(time.Now().Add(idleTimeout))
		return c
	}
	if p.closed || len(p.senders) >= maxSenders {
		return nil
	}
	c, err := net.DialUDP("udp", nil, p.target)
	if err != nil {
		return nil
	}
	c.SetReadDeadline(time.Now().Add(idleTimeout))
	p.senders[from] = c
	p.tasks.Go(func() { p.answer(c, from) })
	return c
}

// answer takes the target's packets for one sender, until that is forgotten.
func (p *UDP) answer(c *net.UDPConn, to netip.AddrPort) {
	defer p.forget(c, to)
	b := make([]byte, maxPacket)
	for {
		n, err := c.Read(b)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED): // the target did not take an earlier packet
		case err != nil:
			return
		default:
			c.SetReadDeadline(time.Now().Add(idleTimeout))
			p.later(b[:n], func(packet []byte) { p.conn.WriteToUDPAddrPort(packet, to) })
		}
	}
}

func (p *UDP) forget(c *net.UDPConn, from netip.AddrPort) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.senders[from] == c {
		delete(p.senders, from)
	}
}

// later sends a copy of a packet when it is due.
func (p *UDP) later(b []byte, send func([]byte)) {
	packet := append([]byte(nil), b...)
	p.late.Add(1)
	time.AfterFunc(p.clock.draw(), func() {
		defer p.late.Done()
		send(packet)
	})
}
