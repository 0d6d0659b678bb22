//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/e2e/internal/proxy"
)

// options say what a run is.
type options struct {
	Seed      uint64
	Duration  time.Duration
	Every     time.Duration
	Servers   int
	Clients   int
	Transport string
	Profiles  string // folder for profiles of the heap; none if ""
}

func (o *options) check() error {
	switch {
	case o.Servers < 3 || o.Servers > 20:
		return fmt.Errorf("servers: %d is not allowed: want 3 to 20", o.Servers)
	case o.Clients < 1:
		return fmt.Errorf("clients: %d is not allowed: want at least 1", o.Clients)
	case o.Every <= 0 || o.Duration < 4*o.Every:
		return fmt.Errorf("every: %v is not allowed: want above 0, and at most a quarter of the duration, %v", o.Every, o.Duration)
	case o.Transport != "ws" && o.Transport != "quic":
		return fmt.Errorf("transport: %q is not allowed: want ws or quic", o.Transport)
	}
	return nil
}

// The pace of what comes and goes.
const (
	emitEvery    = 200 * time.Millisecond
	askEvery     = time.Second
	cutEvery     = 3 * time.Second
	restartEvery = 20 * time.Second
	longestStay  = 15 * time.Second
	// newNamespace is one of how many clients that open a namespace of a new name.
	newNamespace = 4
	// restPatience is for how long a cluster may take to come to rest.
	restPatience = 2 * time.Minute
)

// breaker is the proxy before a server's mesh port.
type breaker interface {
	Addr() string
	Close()
}

// member is one server of the cluster.
type member struct {
	name  string
	order process
	proxy breaker

	mu      sync.Mutex
	process *procs.Process
	host    string // of its clients; "" while it is not there
}

// cluster is what runs.
type cluster struct {
	options
	program   string
	began     time.Time
	out       io.Writer
	samples   []sample
	discovery *procs.Process
	members   []*member
	counts    counts
	opened    atomic.Int64 // namespaces
	cuts      int
	restarts  int
}

// run does one run: a warm-up, a rest, the churn and another rest.
func run(ctx context.Context, o options, csv io.Writer, say func(string, ...any)) (*report, error) {
	c := &cluster{options: o, began: time.Now(), out: csv}
	say("seed %d: %d servers over %s, %d clients at one time, for %v", o.Seed, o.Servers, o.Transport, o.Clients, o.Duration)
	if _, err := io.WriteString(csv, header); err != nil {
		return nil, err
	}
	defer c.end()
	if err := c.start(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return c.churn(ctx, warmup, o.Duration/10) },
		func() error { return c.rest(ctx) },
		func() error { return c.profile("before") },
		func() error { return c.churn(ctx, churn, o.Duration) },
		func() error { return c.rest(ctx) },
		func() error { return c.profile("after") },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := accident(c.discovery); err != nil {
		return nil, err
	}
	for _, m := range c.members {
		if err := accident(m.process); err != nil {
			return nil, err
		}
	}
	return c.report(), nil
}

func (c *cluster) report() *report {
	r := &report{options: c.options, Took: time.Since(c.began), Failed: c.counts.failed.Load(), Opened: int(c.opened.Load()), Cuts: c.cuts, Restarts: c.restarts}
	for i := range r.Came {
		r.Came[i] = c.counts.came[i].Load()
	}
	last := map[string]usage{}
	for _, s := range c.samples {
		last[s.process] = s.usage
	}
	stayed := []string{"discovery"}
	for _, m := range c.members[:c.Servers-1] {
		stayed = append(stayed, m.name)
	}
	for _, name := range stayed {
		r.Asked += last[name].Asked
		r.Expired += last[name].Expired
		r.Processor += time.Duration(last[name].ProcessorTicks) * 10 * time.Millisecond
	}
	r.judge(c.samples, stayed)
	return r
}

// start starts discovery, the servers and the proxies between them.
func (c *cluster) start() (err error) {
	if c.program, err = os.Executable(); err != nil {
		return err
	}
	if c.discovery, err = c.spawn("discovery", process{Role: "discovery"}); err != nil {
		return err
	}
	var ready struct{ URL string }
	if err := json.Unmarshal(c.discovery.Ready, &ready); err != nil {
		return err
	}
	for i := range c.Servers {
		m := &member{name: fmt.Sprint("server ", i)}
		if m.order, m.proxy, err = c.plan(ready.URL); err != nil {
			return err
		}
		c.members = append(c.members, m)
		if err := c.launch(m); err != nil {
			return err
		}
	}
	return nil
}

// plan finds a port for a server, and puts a proxy before it.
func (c *cluster) plan(discovery string) (process, breaker, error) {
	p := process{Role: "server", Transport: c.Transport, Discovery: discovery, PingInterval: min(pingInterval, c.Duration/10)}
	var err error
	var b breaker
	if c.Transport == "quic" {
		if p.Listen, err = freePort("udp"); err == nil {
			b, err = proxy.ListenUDP(loopback, p.Listen, proxy.Delay{})
		}
	} else {
		if p.Listen, err = freePort("tcp"); err == nil {
			b, err = proxy.ListenTCP(loopback, p.Listen, proxy.Delay{})
		}
	}
	if err != nil {
		return p, nil, err
	}
	p.Advertise = c.Transport + "://" + b.Addr()
	return p, b, nil
}

// freePort is an address on which nobody listens now.
func freePort(network string) (string, error) {
	if network == "udp" {
		c, err := net.ListenPacket(network, loopback)
		if err != nil {
			return "", err
		}
		return c.LocalAddr().String(), c.Close()
	}
	l, err := net.Listen(network, loopback)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (c *cluster) spawn(name string, p process) (*procs.Process, error) {
	order, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return procs.Start(name, c.program, processArgument, string(order))
}

// launch starts a server's process.
func (c *cluster) launch(m *member) error {
	p, err := c.spawn(m.name, m.order)
	if err != nil {
		return err
	}
	var ready struct{ Host string }
	if err := json.Unmarshal(p.Ready, &ready); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process, m.host = p, ready.Host
	return nil
}

// end ends what still runs.
func (c *cluster) end() {
	for _, m := range c.members {
		if m.process != nil {
			m.process.Kill()
		}
		if m.proxy != nil {
			m.proxy.Close()
		}
	}
	if c.discovery != nil {
		c.discovery.Kill()
	}
}

// churn lets everything come and go for a while, and samples.
func (c *cluster) churn(ctx context.Context, p phase, lasts time.Duration) error {
	busy, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	failed := make(chan error, 1)
	fail := func(err error) {
		if err == nil {
			return
		}
		select {
		case failed <- err:
			cancel()
		default:
		}
	}
	var tasks sync.WaitGroup
	for i := range c.Clients {
		tasks.Go(func() { c.comeAndGo(busy, c.source(p, 1000+i)) })
	}
	every := func(d time.Duration, number int, do func(*rand.Rand) error) {
		r := c.source(p, number)
		tasks.Go(func() {
			for pause(busy, d) {
				fail(do(r))
			}
		})
	}
	every(emitEvery, 1, func(r *rand.Rand) error { return c.ask(r, "emit") })
	every(askEvery, 2, func(r *rand.Rand) error { return c.ask(r, []string{"fetch", "expire"}[r.IntN(2)]) })
	every(cutEvery, 3, c.cut)
	every(min(restartEvery, lasts/3), 4, c.restart)
	every(c.Every, 5, func(*rand.Rand) error { return c.sample(p) })
	tasks.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

// source is the random source of one task. Tasks do not share one, for they run at once.
func (c *cluster) source(p phase, task int) *rand.Rand {
	return rand.New(rand.NewPCG(c.Seed, uint64(task)<<8|uint64(len(p))))
}

// pause waits, and tells whether there is still something to do then.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// comeAndGo is one client after the other.
func (c *cluster) comeAndGo(ctx context.Context, r *rand.Rand) {
	for {
		if cl := c.drawClient(r); cl.host != "" {
			cl.live(ctx, &c.counts)
		}
		if !pause(ctx, 200*time.Millisecond+time.Duration(r.Int64N(int64(time.Second)))) {
			return
		}
	}
}

func (c *cluster) drawClient(r *rand.Rand) client {
	m := c.members[r.IntN(len(c.members))]
	cl := client{namespace: "/", room: fmt.Sprint("room-", r.IntN(50)), manner: manner(r.IntN(int(manners))), stay: time.Duration(r.Int64N(int64(longestStay)))}
	if r.IntN(2) == 0 {
		n := c.opened.Load()
		if n == 0 || r.IntN(newNamespace) == 0 {
			n = c.opened.Add(1)
		}
		cl.namespace = fmt.Sprint("/d-", n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	cl.host = m.host
	return cl
}

// ask has a server that stays do something.
func (c *cluster) ask(r *rand.Rand, op string) error {
	m := c.members[r.IntN(c.Servers-1)]
	_, err := m.process.Ask(op, map[string]any{"room": fmt.Sprint("room-", r.IntN(50))})
	return err
}

// cut breaks the links that others have dialled to a server, which may be refused for a
// moment.
func (c *cluster) cut(r *rand.Rand) error {
	c.cuts++
	switch p := c.members[r.IntN(c.Servers)].proxy.(type) {
	case *proxy.TCP:
		p.Refuse(r.IntN(3) == 0)
		p.Cut()
		time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
		p.Refuse(false)
	case *proxy.UDP:
		p.Rebind()
	}
	return nil
}

// restart ends the last server, with a word or without, and starts it again.
func (c *cluster) restart(r *rand.Rand) error {
	m := c.members[c.Servers-1]
	m.mu.Lock()
	m.host = ""
	m.mu.Unlock()
	if r.IntN(2) == 0 {
		m.process.Kill()
	} else {
		if err := m.process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if _, err := m.process.Ended(); err != nil {
			return err
		}
	}
	c.restarts++
	if err := accident(m.process); err != nil {
		return err
	}
	return c.launch(m)
}

// accident is a panic or a data race that a process has written of.
func accident(p *procs.Process) error {
	text := p.Log.String()
	for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
		if _, what, ok := strings.Cut(text, sign); ok {
			return fmt.Errorf("%s: %s%.2000s", p.Name, sign, what)
		}
	}
	return nil
}

// sample measures those that stay.
func (c *cluster) sample(p phase) error {
	measured := map[string]*procs.Process{"discovery": c.discovery}
	names := []string{"discovery"}
	for _, m := range c.members[:c.Servers-1] {
		names, measured[m.name] = append(names, m.name), m.process
	}
	for _, name := range names {
		u, err := measure(measured[name])
		if err != nil {
			return err
		}
		s := sample{time.Since(c.began), p, name, u}
		c.samples = append(c.samples, s)
		if err := s.write(c.out); err != nil {
			return err
		}
	}
	return nil
}

// profile has the first server write a profile of its heap.
func (c *cluster) profile(name string) error {
	if c.Profiles == "" {
		return nil
	}
	folder, err := filepath.Abs(c.Profiles)
	if err != nil {
		return err
	}
	_, err = c.members[0].process.Ask("profile", map[string]any{"file": filepath.Join(folder, name+".pprof")})
	return err
}

// rest waits until all clients have been noticed to be gone, and all servers are linked;
// then until numbers of goroutines do not change any more, or for some seconds. It samples.
func (c *cluster) rest(ctx context.Context) error {
	deadline := time.Now().Add(restPatience)
	same, before := 0, ""
	for {
		now, state := "", ""
		for _, m := range c.members {
			u, err := measure(m.process)
			if err != nil {
				return err
			}
			if u.Clients > 0 || u.Namespaces > 1 || u.Peers != c.Servers-1 {
				state += fmt.Sprintf("%s has %d clients, %d namespaces, %d peers; ", m.name, u.Clients, u.Namespaces, u.Peers)
			}
			now += fmt.Sprint(u.Goroutines, u.Descriptors, " ")
		}
		if same++; state != "" || now != before {
			same = 0
		}
		before = now
		if same == 5 {
			return c.sample(rest)
		}
		if time.Now().After(deadline) {
			if state != "" {
				return fmt.Errorf("no rest in %v: %s", restPatience, state)
			}
			return c.sample(rest)
		}
		if !pause(ctx, 500*time.Millisecond) {
			return ctx.Err()
		}
	}
}
