package load

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Defaults of a [Plan].
const (
	DefaultSize           = 100
	DefaultInFlight       = 128
	DefaultConnectTimeout = 10 * time.Second
)

// Plan describes the clients of a run, and which of them belong to one [Swarm]. Client i
// is connected to server i modulo their number. Rooms are filled one after the other,
// each with the same number of clients: Clients × RoomsPerClient ÷ Rooms.
type Plan struct {
	URLs           []string // of the servers, as http://127.0.0.1:3000
	Clients        int      // in all swarms
	First, Count   int      // the clients of this swarm: First, First+1, …
	Rooms          int
	RoomsPerClient int
	Publishers     int // clients 0, 1, … publish
	Size           int // of a payload, in bytes; at least MinSize

	// Polling makes clients begin as JavaScript's do by default: with requests over HTTP,
	// and then an upgrade.
	Polling bool
	// InFlight limits the connections that are being made at the same time.
	InFlight int
	// ConnectRate limits the connections made per second. 0: no limit.
	ConnectRate float64
	// ConnectTimeout is the time after which a connection attempt counts as stalled.
	ConnectTimeout time.Duration
	// Returning makes clients that are not in try again, as Socket.IO's do: after one
	// second, then more, up to five, give or take a half.
	Returning bool
	// ConnectWithin is the time after which Connect gives up clients that are not in. 0:
	// never.
	ConnectWithin time.Duration
	// Heartbeats makes clients give up a server whose ping does not come in time, as
	// Socket.IO's do.
	Heartbeats bool
	// Sources is the number of loopback addresses that clients use in turn, 127.0.0.1 and
	// those after it: one address can have about 28,000 connections to a server. 0 or 1:
	// the system chooses. Linux only.
	Sources int
	// Portable makes goroutines read, as on systems without epoll.
	Portable bool
}

// target is a server.
type target struct {
	address *net.TCPAddr
	host    string // for the Host header
}

func (p *Plan) targets() ([]target, error) {
	var targets []target
	for _, raw := range p.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("server %q: want a URL such as http://127.0.0.1:3000", raw)
		}
		host := u.Host
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), "80")
		}
		address, err := net.ResolveTCPAddr("tcp", host)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", raw, err)
		}
		targets = append(targets, target{address, u.Host})
	}
	return targets, nil
}

// withDefaults sets the fields that most runs leave at zero.
func (p Plan) withDefaults() Plan {
	p.Rooms = max(p.Rooms, 1)
	p.RoomsPerClient = max(p.RoomsPerClient, 1)
	p.Size = cmp.Or(p.Size, DefaultSize)
	p.InFlight = cmp.Or(p.InFlight, DefaultInFlight)
	p.ConnectTimeout = cmp.Or(p.ConnectTimeout, DefaultConnectTimeout)
	return p
}

// check returns an error for an impossible plan.
func (p *Plan) check() error {
	members := p.Clients * p.RoomsPerClient
	switch {
	case len(p.URLs) == 0:
		return fmt.Errorf("plan: no servers")
	case p.First < 0 || p.Count < 0 || p.First+p.Count > p.Clients:
		return fmt.Errorf("plan: clients %d to %d of %d", p.First, p.First+p.Count, p.Clients)
	case p.Rooms < 1 || p.RoomsPerClient < 1 || p.RoomsPerClient > p.Rooms || members < p.Rooms:
		return fmt.Errorf("plan: %d clients cannot be in %d of %d rooms each, with none empty", p.Clients, p.RoomsPerClient, p.Rooms)
	case p.Publishers < 0 || p.Publishers > p.Clients:
		return fmt.Errorf("plan: %d publishers among %d clients", p.Publishers, p.Clients)
	case p.Size < MinSize:
		return fmt.Errorf("plan: payloads of %d bytes: want at least %d", p.Size, MinSize)
	}
	return nil
}

// room returns the k-th room of a client.
func (p *Plan) room(client, k int) int {
	return (client + k*p.Clients) * p.Rooms / (p.Clients * p.RoomsPerClient)
}
