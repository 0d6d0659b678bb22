// Package dnstest is a DNS server for tests: a test sets its records, and makes it fail.
package dnstest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers on UDP at a port of this machine.
type Server struct {
	conn    net.PacketConn
	stopped chan struct{}

	mu      sync.Mutex
	hosts   map[string][]netip.Addr
	srv     map[string][]*net.SRV
	failure dnsmessage.RCode // of all answers; 0 for none
	queries int
	asked   chan struct{} // closed at the next query
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{conn: conn, stopped: make(chan struct{}), asked: make(chan struct{}), hosts: map[string][]netip.Addr{}, srv: map[string][]*net.SRV{}}
	go s.serve()
	t.Cleanup(func() {
		conn.Close()
		<-s.stopped
	})
	return s
}

// Resolver returns a resolver that asks only this server.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

// SetHost sets the IP addresses of a name; without any, the name does not exist.
func (s *Server) SetHost(name string, ips ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[rooted(name)] = nil
	for _, ip := range ips {
		s.hosts[rooted(name)] = append(s.hosts[rooted(name)], netip.MustParseAddr(ip))
	}
}

// SetSRV sets the SRV records of a name.
func (s *Server) SetSRV(name string, records ...*net.SRV) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.srv[rooted(name)] = records
}

// Fail makes all queries fail, until it is called with false.
func (s *Server) Fail(fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure = dnsmessage.RCodeSuccess; fail {
		s.failure = dnsmessage.RCodeServerFailure
	}
}

// AwaitQueries waits for so many further queries. It fails the test if they do not come.
func (s *Server) AwaitQueries(t testing.TB, more int) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	queries, asked := s.state()
	for want := queries + more; queries < want; queries, asked = s.state() {
		select {
		case <-asked:
		case <-deadline:
			t.Fatalf("%d queries are missing of %d", want-queries, more)
		}
	}
}

// state returns the number of queries so far, and a channel that is closed at the next
// one.
func (s *Server) state() (queries int, asked <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries, s.asked
}

func rooted(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

func (s *Server) serve() {
	defer close(s.stopped)
	buffer := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := s.answer(buffer[:n]); answer != nil {
			s.conn.WriteTo(answer, from)
		}
	}
}

// answer returns the answer to a query; nil if the message is not a query.
func (s *Server) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries++
	close(s.asked)
	s.asked = make(chan struct{})
	q := m.Questions[0]
	name := strings.ToLower(q.Name.String())
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true, RCode: s.failure},
		Questions: m.Questions,
	}
	if s.failure == dnsmessage.RCodeSuccess {
		reply.Answers = s.records(q, name)
		if len(s.hosts[name]) == 0 && len(s.srv[name]) == 0 {
			reply.RCode = dnsmessage.RCodeNameError
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (s *Server) records(q dnsmessage.Question, name string) (records []dnsmessage.Resource) {
	add := func(body dnsmessage.ResourceBody) {
		records = append(records, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: body})
	}
	switch q.Type {
	case dnsmessage.TypeA:
		for _, ip := range s.hosts[name] {
			if ip.Is4() {
				add(&dnsmessage.AResource{A: ip.As4()})
			}
		}
	case dnsmessage.TypeAAAA:
		for _, ip := range s.hosts[name] {
			if ip.Is6() {
				add(&dnsmessage.AAAAResource{AAAA: ip.As16()})
			}
		}
	case dnsmessage.TypeSRV:
		for _, r := range s.srv[name] {
			add(&dnsmessage.SRVResource{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dnsmessage.MustNewName(rooted(r.Target))})
		}
	}
	return records
}
