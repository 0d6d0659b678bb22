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

// Plan says what the clients of a run are, and which of them one [Swarm] has.
// Client i is connected to server i modulo their number. Rooms are filled one
// after the other, each with as many clients as fit: Clients × RoomsPerClient ÷
// Rooms.
type Plan struct {
	URLs           []string // of the servers, as http://127.0.0.1:3000
	Clients        int      // in all swarms
	First, Count   int      // those of this swarm: First, First+1, …
	Rooms          int
	RoomsPerClient int
	Publishers     int // clients 0, 1, … publish
	Size           int // of a payload, in bytes; at least MinSize

	// Polling lets clients begin as JavaScript's do by default: with requests
	// over HTTP, and then an upgrade.
	Polling bool
	// InFlight bounds the connections that are being made at once.
	InFlight int
	// ConnectRate bounds the connections made per second. 0: no bound.
	ConnectRate float64
	// ConnectTimeout is when a connection that is being made counts as stalled.
	ConnectTimeout time.Duration
	// Returning lets clients come again for as long as they are not in, as Socket.IO's do:
	// after a second, and then more, up to five, give or take a half.
	Returning bool
	// ConnectWithin is when Connect gives up those that are not in. 0: never.
	ConnectWithin time.Duration
	// Heartbeats lets clients give up a server whose ping does not come in time, as
	// Socket.IO's do.
	Heartbeats bool
	// Sources are the loopback addresses that clients use in turn, 127.0.0.1 and
	// those that follow it: from one address, a server has about 28,000
	// connections. 0 or 1: what the system picks. Linux only.
	Sources int
	// Portable lets goroutines read, as they do where there is no epoll.
	Portable bool
}

// target is a server.
type target struct {
	address *net.TCPAddr
	host    string // for the header
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

// withDefaults fills in what most runs do not care about.
func (p Plan) withDefaults() Plan {
	p.Rooms = max(p.Rooms, 1)
	p.RoomsPerClient = max(p.RoomsPerClient, 1)
	p.Size = cmp.Or(p.Size, DefaultSize)
	p.InFlight = cmp.Or(p.InFlight, DefaultInFlight)
	p.ConnectTimeout = cmp.Or(p.ConnectTimeout, DefaultConnectTimeout)
	return p
}

// check finds what cannot be done.
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

// room is the k-th room of a client.
func (p *Plan) room(client, k int) int {
	return (client + k*p.Clients) * p.Rooms / (p.Clients * p.RoomsPerClient)
}
