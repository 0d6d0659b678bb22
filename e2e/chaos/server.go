//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	jsoncodec "github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/e2e/internal/proxy"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// process is what one of the processes is told to be, as JSON.
type process struct {
	Role      string // "server", "discovery", "liar", which registers servers that are not there, or "proxy"
	ID        string
	Address   string // of the host
	Transport string
	Discovery string
	Log       string // where a server records what happens
	Rate      int
	Routing   core.Routing
	Failpoint string   // at which a server kills itself; none if ""
	Ghosts    []string // addresses that a liar registers
	Servers   int      // that a proxy delays
	Delay     proxy.Delay
}

const (
	meshPort       = 4000
	discoveryPort  = 8000
	proxyPort      = 9000 // and those that follow, of the router
	token          = "chaos"
	requestTimeout = 3 * time.Second
	leaveTimeout   = 10 * time.Second
)

// namespaces are open on every server.
var namespaces = []string{"/", "/a"}

func serve(text string) error {
	var p process
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	switch p.Role {
	case "discovery":
		return p.runDiscovery(ctx)
	case "liar":
		return p.lie(ctx)
	case "proxy":
		return p.delay(ctx)
	}
	return p.runServer(ctx)
}

func (p *process) runDiscovery(ctx context.Context) error {
	s := service.NewServer(service.ServerOptions{Listen: fmt.Sprintf("%s:%d", p.Address, discoveryPort), AuthToken: token})
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Shutdown(stop)
}

// delay carries what goes to the servers' mesh ports, later than it came.
func (p *process) delay(ctx context.Context) error {
	for host := range p.Servers {
		listen, target := fmt.Sprintf(":%d", proxyPort+host), fmt.Sprintf("%s:%d", ip(host), meshPort)
		d := p.Delay
		d.Seed += uint64(host)
		if p.Transport == "quic" {
			u, err := proxy.ListenUDP(listen, target, d)
			if err != nil {
				return err
			}
			defer u.Close()
			continue
		}
		t, err := proxy.ListenTCP(listen, target, d)
		if err != nil {
			return err
		}
		defer t.Close()
	}
	<-ctx.Done()
	return nil
}

// lie keeps servers registered that are not there.
func (p *process) lie(ctx context.Context) error {
	for i, address := range p.Ghosts {
		c := service.NewClient(service.ClientOptions{URL: p.Discovery, AuthToken: token})
		go c.Run(ctx, core.Peer{ID: fmt.Sprint("ghost", i, "-", p.ID), Address: address}, func([]core.Peer) {})
	}
	<-ctx.Done()
	return nil
}

// server is a node with hosts that only write down what they are told.
type server struct {
	*recorder
	id       string
	node     *node.Node
	adapters []core.Adapter
}

func (p *process) runServer(ctx context.Context) error {
	r, err := newRecorder(p.Log)
	if err != nil {
		return err
	}
	defer r.flush()
	s := &server{recorder: r, id: p.ID}
	var transport core.Transport = ws.New(ws.Options{})
	if p.Transport == "quic" {
		transport = quic.New(quic.Options{AuthToken: token})
	}
	trap := newTrap(p.Failpoint)
	s.node, err = node.New(core.Config{
		ID: p.ID, Listen: fmt.Sprintf(":%d", meshPort), Advertise: fmt.Sprintf("%s://%s:%d", p.Transport, p.Address, meshPort),
		Transport: trap.transport(transport), Codecs: []core.Codec{jsoncodec.New()}, AuthToken: token, Routing: p.Routing,
		Discovery: trap.discovery(service.NewClient(service.ClientOptions{URL: p.Discovery, AuthToken: token})),
		Observer:  observer{s: s}, RequestTimeout: requestTimeout, RedialMax: 2 * time.Second,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, cluster.New)
	if err != nil {
		return err
	}
	for i, name := range namespaces {
		a, err := s.node.Adapter(name, &host{s, i})
		if err != nil {
			return err
		}
		s.adapters = append(s.adapters, a)
	}
	if err := s.node.Start(ctx); err != nil {
		return err
	}
	s.work(ctx, p.Rate)
	stop, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		for stop.Err() == nil {
			time.Sleep(flushEvery)
			r.flush()
		}
	}()
	err = s.node.Shutdown(stop)
	r.write('E', "%v", err)
	cancel()
	<-flushed
	return nil
}

// work sends and asks until ctx ends.
func (s *server) work(ctx context.Context, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	slow := time.NewTicker(200 * time.Millisecond)
	defer slow.Stop()
	sent := make([]int, len(namespaces))
	asked := 0
	for round := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			round++
			i := round % len(namespaces)
			sent[i]++
			s.emit(i, sent[i], round)
		case <-flush.C:
			s.flush()
		case <-slow.C:
			s.state()
			asked++
			s.ask(asked)
		}
	}
}

func (s *server) emit(i, n, round int) {
	event := coretest.Numbered(s.id, n, 0)
	switch round % 10 {
	case 3:
		s.write('S', "%d %d volatile", i, n)
		s.adapters[i].Broadcast(event, core.Target{Flags: core.Flags{Volatile: true}})
	case 6:
		s.write('S', "%d %d servers", i, n)
		s.adapters[i].ServerSideEmit(event)
	default:
		s.write('S', "%d %d all", i, n)
		s.adapters[i].Broadcast(event, core.Target{})
	}
}

func (s *server) state() {
	var ids []string
	for _, p := range s.node.Peers() {
		ids = append(ids, p.ID)
	}
	members := ""
	for i, a := range s.adapters {
		members += fmt.Sprintf(" %d=%s", i, strings.Join(a.Servers()[1:], ","))
	}
	s.write('L', "%s%s", list(ids), members)
}

// list is a list of ids in one word.
func list(ids []string) string {
	if len(ids) == 0 {
		return "-"
	}
	return strings.Join(ids, ",")
}

func (s *server) ask(id int) {
	a := s.adapters[id%len(namespaces)]
	s.write('B', "%d fetch", id)
	call := a.FetchSockets(context.Background(), core.Target{})
	call.OnDone(func() {
		sockets, err := call.Wait()
		var answered []string
		for i := range sockets {
			answered = append(answered, sockets[i].ID)
		}
		slices.Sort(answered)
		result := "ok"
		var missing []string
		incomplete, ok := errors.AsType[*core.IncompleteError](err)
		switch {
		case ok:
			result, missing = "incomplete", incomplete.Missing
		case errors.Is(err, core.ErrClosed):
			result = "closed"
		case err != nil:
			result = fmt.Sprintf("%q", err)
		}
		s.write('Q', "%d %s %s %s %s", id, result, list(call.Left()), list(missing), list(answered))
	})
}

// observer writes down what a node reports.
type observer struct {
	core.NopObserver
	s *server
}

func (o observer) PeerUp(p core.PeerInfo)              { o.s.write('U', "%s", p.ID) }
func (o observer) PeerDown(p core.PeerInfo, why error) { o.s.write('D', "%s %v", p.ID, why) }
func (o observer) Gap(g core.Gap) {
	way := "in"
	if g.Outbound {
		way = "out"
	}
	o.s.write('G', "%s %s %d", g.Peer, way, g.Lost[core.KindBroadcast]+g.Lost[core.KindServerSideEmit])
}

func (o observer) Dropped(peer string, _ core.Kind, why error) {
	if !errors.Is(why, core.ErrUnsupported) { // a namespace that is closed
		o.s.drop(peer)
	}
}

// host is a namespace with one client, which has the server's id.
type host struct {
	s         *server
	namespace int
}

func (h *host) received(event core.Payload) {
	if origin, n, ok := coretest.NumberOf(event); !ok || origin != h.s.id {
		h.s.write('R', "%d %s %d", h.namespace, origin, n)
	}
}

func (h *host) Broadcast(event core.Payload, _ core.Target)             { h.received(event) }
func (h *host) ServerSideEmit(event core.Payload, _ func(core.Payload)) { h.received(event) }

func (h *host) BroadcastWithAck(event core.Payload, _ core.Target, count func(int), _ func(core.Payload)) {
	h.received(event)
	count(0)
}

func (h *host) Sockets(core.Target, bool) []core.Socket {
	return []core.Socket{{ID: h.s.id, Handshake: core.Payload{Text: []byte("{}")}, Data: core.Payload{Text: []byte("{}")}}}
}

func (h *host) Has(sid string) bool          { return sid == h.s.id }
func (h *host) Join(core.Target, []string)   {}
func (h *host) Leave(core.Target, []string)  {}
func (h *host) Disconnect(core.Target, bool) {}
