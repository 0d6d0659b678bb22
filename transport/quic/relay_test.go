package quic

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay passes packets between diallers' one address and an acceptor, like a NAT.
type relay struct {
	t        *testing.T
	front    *net.UDPConn // where the dialler sends to
	acceptor *net.UDPAddr
	dialler  atomic.Pointer[net.UDPAddr]
	back     atomic.Pointer[net.UDPConn] // where it seems to send from
	lost     atomic.Bool                 // nothing passes
	copying  sync.WaitGroup
}

func newRelay(t *testing.T, addr string) *relay {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, acceptor: to, front: bind(t, "127.0.0.1")}
	r.move("127.0.0.1")
	r.copying.Go(r.forth)
	t.Cleanup(r.close)
	return r
}

func bind(t *testing.T, host string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *relay) addr() string { return r.front.LocalAddr().String() }

// move gives the dialler another address, and returns it. Packets to the old one
// are lost.
func (r *relay) move(host string) string {
	r.t.Helper()
	c := bind(r.t, host)
	if old := r.back.Swap(c); old != nil {
		old.Close()
	}
	r.copying.Go(func() { r.backFrom(c) })
	return c.LocalAddr().String()
}

// forth passes what the dialler sends.
func (r *relay) forth() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		r.dialler.Store(from)
		if !r.lost.Load() {
			r.back.Load().WriteToUDP(buf[:n], r.acceptor)
		}
	}
}

// backFrom passes what the acceptor sends to one of the dialler's addresses.
func (r *relay) backFrom(c *net.UDPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if to := r.dialler.Load(); to != nil && !r.lost.Load() {
			r.front.WriteToUDP(buf[:n], to)
		}
	}
}

func (r *relay) close() {
	r.front.Close()
	r.back.Load().Close()
	r.copying.Wait()
}
