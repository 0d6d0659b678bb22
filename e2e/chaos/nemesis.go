//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/e2e/internal/proxy"
)

// options say what a run is.
type options struct {
	Seed      uint64
	Duration  time.Duration // of the faults
	Servers   int
	Rate      int // messages per second of each server
	Transport string
	Only      string // the one kind of fault there is; all if ""
	Dir       string // of the logs; a temporary one if ""
}

// again is the command for another run like this one.
func (o *options) again() string {
	command := fmt.Sprintf("make chaos SEED=%d DURATION=%v SERVERS=%d RATE=%d", o.Seed, o.Duration, o.Servers, o.Rate)
	if o.Transport != "" {
		command += " TRANSPORT=" + o.Transport
	}
	if o.Only != "" {
		command += fmt.Sprintf(" ONLY='%s'", o.Only)
	}
	return command
}

// missing says why there can be no run; "" if there can.
func (o *options) missing() string {
	if o.Servers < 2 || o.Servers > 9 {
		return fmt.Sprintf("servers: %d is not allowed: want 2 to 9", o.Servers)
	}
	if o.Only != "" && !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == o.Only }) {
		return fmt.Sprintf("only: %q is not allowed: want one of %s", o.Only, strings.Join(kindNames(), ", "))
	}
	return need()
}

// fault is one thing that happens, for some time.
type fault struct {
	kind *kind
	a, b int // hosts
	n    int
	last time.Duration
}

func (f fault) String() string {
	return fmt.Sprintf("%s of %d and %d, %d, for %v", f.kind.name, f.a, f.b, f.n, f.last)
}

// kind is a kind of fault.
type kind struct {
	name  string
	most  time.Duration // that one lasts
	begin func(c *arena, f fault) error
	end   func(c *arena, f fault) error
}

var kinds = []kind{
	{"reset", 5 * time.Second, func(c *arena, f fault) error { return c.between(c.net.reset, f, true) }, healed},
	{"flap", 4 * time.Second, (*arena).flap, healed},
	{"partition", 20 * time.Second, func(c *arena, f fault) error { return c.between(c.net.dropped, f, true) }, healed},
	{"one-way", 20 * time.Second, func(c *arena, f fault) error { return c.between(c.net.dropped, f, false) }, healed},
	{"islands", 20 * time.Second, (*arena).islands, healed},
	{"loss", 8 * time.Second, func(c *arena, f fault) error {
		c.net.lossy = []int{1, 5, 20}[f.n%3]
		return c.net.apply()
	}, healed},
	{"slow", 10 * time.Second, func(c *arena, f fault) error { return c.net.narrow(f.a, (16<<10)<<(f.n%4)) }, healed},
	{"delay", 8 * time.Second, (*arena).beginDelay, (*arena).endDelay},
	{"rebind", time.Second, func(c *arena, f fault) error { return c.net.rebind(f.a) }, healed},
	{"kill", 6 * time.Second, func(c *arena, f fault) error { return c.kill(f.a) }, restarted},
	{"vanish", 14 * time.Second, func(c *arena, f fault) error {
		for host := range c.net.hosts {
			c.net.dropped[[2]int{host, f.a}], c.net.dropped[[2]int{f.a, host}] = true, true
		}
		if err := c.net.apply(); err != nil {
			return err
		}
		return c.kill(f.a)
	}, func(c *arena, f fault) error {
		if err := c.net.heal(); err != nil {
			return err
		}
		return c.start(f.a)
	}},
	{"failpoint", 3 * time.Second, (*arena).armFailpoint, (*arena).endFailpoint},
	{"pause", 16 * time.Second, func(c *arena, f fault) error { return c.signal(f.a, syscall.SIGSTOP) },
		func(c *arena, f fault) error { return c.signal(f.a, syscall.SIGCONT) }},
	{"leave", 4 * time.Second, func(c *arena, f fault) error { return c.leave(f.a) }, restarted},
	{"rolling restart", time.Second, (*arena).rollingRestart, healed},
	{"discovery killed", 8 * time.Second, func(c *arena, f fault) error { return c.kill(c.discovery()) },
		func(c *arena, f fault) error { return c.start(c.discovery()) }},
	{"discovery emptied", 4 * time.Second, (*arena).emptyDiscovery, healed},
	{"discovery lies", 6 * time.Second, (*arena).beginLying, (*arena).endLying},
}

func kindNames() []string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = kinds[i].name
	}
	return names
}

func healed(c *arena, _ fault) error    { return c.net.heal() }
func restarted(c *arena, f fault) error { return c.start(f.a) }

func newSource(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0xc4a05)) }

// draw draws a fault.
func draw(r *rand.Rand, o *options) fault {
	f := fault{kind: &kinds[r.IntN(len(kinds))], a: r.IntN(o.Servers), b: r.IntN(o.Servers - 1), n: r.IntN(1 << 20)}
	if f.b >= f.a {
		f.b++
	}
	if i := slices.Index(kindNames(), o.Only); i >= 0 {
		f.kind = &kinds[i]
	}
	// Short ones are as likely as long ones.
	limit := f.kind.most
	if r.IntN(2) == 0 {
		limit /= 5
	}
	f.last = 100*time.Millisecond + time.Duration(r.Int64N(int64(limit)))/time.Millisecond*time.Millisecond
	return f
}

// arena is what a run has: hosts with a server each, and one with discovery.
type arena struct {
	*options
	ctx       context.Context // of the run
	net       *network
	dir       string
	program   string
	transport string
	routing   core.Routing
	running   []*running // by host; nil where nothing runs
	liar      *running
	proxy     *running // of the delay that there is now
	lives     []life
	// failpoints is how often servers died at each, and tried how often they should have.
	failpoints, tried map[string]int
}

// running is a process.
type running struct {
	cmd    *exec.Cmd
	exited chan struct{}
	ended  time.Time // set before exited is closed
	life   int       // index of lives; -1 if it is no server
}

// life is one life of a server, as the runner knows it.
type life struct {
	id, log, stderr string
	host            int
	killed          time.Time
	pauses          [][2]time.Time
}

func (c *arena) discovery() int { return c.Servers }

func (c *arena) discoveryURL() string {
	return fmt.Sprintf("ws://%s:%d", ip(c.discovery()), discoveryPort)
}

// start runs what belongs on a host, unless it runs.
func (c *arena) start(host int) error { return c.startWith(host, "") }

// startWith does so with a server that kills itself at a failpoint; with none if that is "".
func (c *arena) startWith(host int, failpoint string) error {
	if c.running[host] != nil {
		return nil
	}
	p := process{Role: "discovery", Address: ip(host)}
	number := -1
	stderr := filepath.Join(c.dir, "discovery.log")
	if host != c.discovery() {
		number = len(c.lives)
		id := fmt.Sprintf("s%d.%d", host, number)
		p = process{Role: "server", ID: id, Address: ip(host), Transport: c.transport, Discovery: c.discoveryURL(), Rate: c.Rate, Routing: c.routing, Failpoint: failpoint, Log: filepath.Join(c.dir, id+".history")}
		stderr = filepath.Join(c.dir, id+".log")
		c.lives = append(c.lives, life{id: id, log: p.Log, stderr: stderr, host: host})
	}
	r, err := c.spawn(c.net.space(host), p, stderr)
	if err != nil {
		return err
	}
	r.life = number
	c.running[host] = r
	return nil
}

func (c *arena) spawn(space string, p process, stderr string) (*running, error) {
	order, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(stderr, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r := &running{cmd: exec.Command("ip", "netns", "exec", space, c.program), exited: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), processVariable+"="+string(order))
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(r.exited)
		r.cmd.Wait()
		r.ended = time.Now()
	}()
	return r, nil
}

// armFailpoint restarts a server as one that kills itself at a failpoint, and lets that come.
func (c *arena) armFailpoint(f fault) error {
	point := &failpoints[f.n%len(failpoints)]
	if err := c.kill(f.a); err != nil {
		return err
	}
	if err := c.startWith(f.a, point.name); err != nil {
		return err
	}
	if c.sleep(linkTime); point.provoke == nil {
		return nil
	}
	return point.provoke(c, f)
}

// endFailpoint notes whether the server died as it should, and starts it again.
func (c *arena) endFailpoint(f fault) error {
	name := failpoints[f.n%len(failpoints)].name
	c.tried[name]++
	r := c.running[f.a]
	select {
	case <-r.exited:
		if status := r.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGKILL {
			c.failpoints[name]++
		}
		c.lives[r.life].killed = r.ended
		c.running[f.a] = nil
	default:
		if err := c.kill(f.a); err != nil {
			return err
		}
	}
	return c.start(f.a)
}

// linkTime is about how long a server takes to start and to have links.
const linkTime = time.Second

// kill ends the process on a host without a word.
func (c *arena) kill(host int) error {
	r := c.running[host]
	if r == nil {
		return nil
	}
	if r.life >= 0 {
		c.lives[r.life].killed = time.Now()
	}
	r.cmd.Process.Signal(syscall.SIGKILL)
	<-r.exited
	c.running[host] = nil
	return nil
}

// leave asks the process on a host to end, and waits until it has.
func (c *arena) leave(host int) error {
	r := c.running[host]
	if r == nil {
		return nil
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(leaveTimeout + 10*time.Second):
		c.kill(host)
		return fmt.Errorf("the process on host %d does not end", host)
	}
	c.running[host] = nil
	return nil
}

func (c *arena) signal(host int, s syscall.Signal) error {
	r := c.running[host]
	if r == nil {
		return nil
	}
	l := &c.lives[r.life]
	if s == syscall.SIGSTOP {
		l.pauses = append(l.pauses, [2]time.Time{time.Now(), {}})
	} else {
		l.pauses[len(l.pauses)-1][1] = time.Now()
	}
	return r.cmd.Process.Signal(s)
}

// between does something to what two hosts send each other, or to one direction.
func (c *arena) between(what map[[2]int]bool, f fault, bothWays bool) error {
	what[[2]int{f.a, f.b}] = true
	if bothWays {
		what[[2]int{f.b, f.a}] = true
	}
	return c.net.apply()
}

func (c *arena) flap(f fault) error {
	for range 2 + f.n%6 {
		if err := c.between(c.net.reset, f, true); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		if err := c.net.heal(); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}

func (c *arena) islands(f fault) error {
	set := 1 + f.n%(1<<c.Servers-2)
	for i := range c.Servers {
		for j := range c.Servers {
			if set>>i&1 != set>>j&1 {
				c.net.dropped[[2]int{i, j}] = true
			}
		}
	}
	return c.net.apply()
}

func (c *arena) rollingRestart(fault) error {
	for host := range c.Servers {
		if err := c.leave(host); err != nil {
			return err
		}
		if err := c.start(host); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	return nil
}

// emptyDiscovery restarts discovery where no server reaches it at first.
func (c *arena) emptyDiscovery(f fault) error {
	for host := range c.Servers {
		c.net.dropped[[2]int{host, c.discovery()}] = true
	}
	if err := c.net.apply(); err != nil {
		return err
	}
	if err := c.kill(c.discovery()); err != nil {
		return err
	}
	return c.start(c.discovery())
}

// beginLying registers servers where others are, and where nobody is.
func (c *arena) beginLying(f fault) (err error) {
	p := process{Role: "liar", ID: fmt.Sprint(f.n), Discovery: c.discoveryURL(), Ghosts: []string{
		fmt.Sprintf("%s://%s:%d", c.transport, ip(f.a), meshPort),
		fmt.Sprintf("%s://%s:%d", c.transport, ip(f.b), meshPort),
		fmt.Sprintf("%s://10.77.200.2:%d", c.transport, meshPort),
		fmt.Sprintf("%s://%s:1", c.transport, ip(f.a)),
	}}
	c.liar, err = c.spawn(c.net.space(c.discovery()), p, filepath.Join(c.dir, "liar.log"))
	return err
}

// beginDelay has all links go through proxies: 10 to 200 ms each way, and up to half of that
// more. Packets of a flow that is there go on as they did: so connections of TCP are reset, and
// servers send those of QUIC from another address.
func (c *arena) beginDelay(f fault) (err error) {
	least := time.Duration(10+f.n%191) * time.Millisecond
	p := process{Role: "proxy", Transport: c.transport, Servers: c.Servers, Delay: proxy.Delay{Least: least, Jitter: least / 2, Seed: uint64(f.n)}}
	if c.proxy, err = c.spawn(c.net.router(), p, filepath.Join(c.dir, "proxy.log")); err != nil {
		return err
	}
	c.net.delayed = true
	if c.transport == "ws" {
		for a := range c.Servers {
			for b := range a {
				c.net.reset[[2]int{a, b}] = true
			}
		}
		if err := c.net.apply(); err != nil {
			return err
		}
		c.sleep(100 * time.Millisecond)
		clear(c.net.reset)
		return c.net.apply()
	}
	if err := c.net.apply(); err != nil {
		return err
	}
	for host := range c.Servers {
		if err := c.net.rebind(host); err != nil {
			return err
		}
	}
	return nil
}

// endDelay ends the proxies, and what goes through them: connections of TCP break.
func (c *arena) endDelay(f fault) error {
	err := healed(c, f)
	c.proxy.cmd.Process.Signal(syscall.SIGTERM)
	<-c.proxy.exited
	return err
}

func (c *arena) endLying(fault) error {
	c.liar.cmd.Process.Kill()
	<-c.liar.exited
	return nil
}

// happened is a fault with the moment at which it began.
type happened struct {
	fault
	from time.Time
}

// The patience with a cluster: machines are busy.
const (
	startPatience    = 30 * time.Second
	convergePatience = 60 * time.Second
	peace            = 2 * time.Second
)

// run does one run, unless ctx ends before.
func run(ctx context.Context, o options, say func(format string, args ...any)) (*report, error) {
	began := time.Now()
	r := newSource(o.Seed)
	c := &arena{ctx: ctx, options: &o, running: make([]*running, o.Servers+1), failpoints: map[string]int{}, tried: map[string]int{}, transport: []string{"ws", "quic"}[r.IntN(2)], routing: []core.Routing{core.RoutingAll, core.RoutingInterest}[r.IntN(2)]}
	if o.Transport != "" {
		c.transport = o.Transport
	}
	say("seed %d: %d servers over %s, routing %s, faults for %v", o.Seed, o.Servers, c.transport, c.routing, o.Duration)
	var err error
	if c.program, err = os.Executable(); err != nil {
		return nil, err
	}
	if c.dir = o.Dir; c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "mesh-chaos-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(c.dir)
	}
	if c.net, err = newNetwork(o.Servers + 1); err != nil {
		return nil, err
	}
	defer c.net.remove()
	defer c.end()
	if err := c.startAll(); err != nil {
		return nil, err
	}
	if _, err := c.converge(startPatience); err != nil {
		return nil, fmt.Errorf("before the first fault: %w", err)
	}
	faults, err := c.torment(r, say)
	if err != nil {
		return nil, err
	}
	if err := c.net.heal(); err != nil {
		return nil, err
	}
	if err := c.startAll(); err != nil {
		return nil, err
	}
	took, convergeErr := c.converge(convergePatience)
	quiet := time.Now()
	time.Sleep(peace)
	stop := time.Now()
	time.Sleep(time.Second)
	var late []string
	memory := c.memory()
	for host := range c.Servers {
		if err := c.leave(host); err != nil {
			late = append(late, err.Error())
		}
	}
	report, err := c.check(faults, quiet, stop)
	if err != nil {
		return nil, err
	}
	report.failpoints, report.tried = c.failpoints, c.tried
	report.Seed, report.Transport, report.Took, report.Converged, report.Memory = o.Seed, c.transport, time.Since(began), took, memory
	if convergeErr != nil {
		late = append(late, convergeErr.Error())
	}
	report.Violations = append(late, report.Violations...)
	return report, nil
}

// torment lets faults happen, one after the other.
func (c *arena) torment(r *rand.Rand, say func(string, ...any)) (faults []happened, err error) {
	began := time.Now()
	for planned := time.Duration(0); planned < c.Duration; {
		f := draw(r, c.options)
		f.last = min(f.last, max(c.Duration-planned, 100*time.Millisecond))
		pause := 300*time.Millisecond + time.Duration(r.IntN(2000))*time.Millisecond
		planned += f.last + pause
		say("%7.1fs %v", time.Since(began).Seconds(), f)
		faults = append(faults, happened{f, time.Now()})
		if err := f.kind.begin(c, f); err != nil {
			return nil, fmt.Errorf("%v: %w", f, err)
		}
		c.sleep(f.last)
		if err := f.kind.end(c, f); err != nil {
			return nil, fmt.Errorf("the end of %v: %w", f, err)
		}
		c.sleep(pause)
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
	}
	return faults, nil
}

func (c *arena) startAll() error {
	if err := c.start(c.discovery()); err != nil {
		return err
	}
	for host := range c.Servers {
		if err := c.start(host); err != nil {
			return err
		}
	}
	return nil
}

// end ends what still runs.
func (c *arena) end() {
	for host := range c.running {
		c.kill(host)
	}
}

// converge waits until each server says that it is linked to all others and sees them in
// all namespaces.
func (c *arena) converge(patience time.Duration) (time.Duration, error) {
	began := time.Now()
	var all []string
	for _, r := range c.running[:c.Servers] {
		all = append(all, c.lives[r.life].id)
	}
	for {
		wrong := ""
		for _, r := range c.running[:c.Servers] {
			l := c.lives[r.life]
			if state := lastState(l.log, began); !state.sees(all, l.id) {
				wrong = fmt.Sprintf("%s sees %q of %v", l.id, state, all)
			}
			select {
			case <-r.exited:
				return 0, fmt.Errorf("%s has ended by itself: see %s", l.id, l.stderr)
			default:
			}
		}
		if wrong == "" {
			return time.Since(began), nil
		}
		if time.Since(began) > patience {
			return time.Since(began), fmt.Errorf("not converged after %v: %s", patience, wrong)
		}
		if c.sleep(50 * time.Millisecond); c.ctx.Err() != nil {
			return 0, c.ctx.Err()
		}
	}
}

// sleep waits, but not longer than the run lasts.
func (c *arena) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}

// memory is the most that a server takes, in bytes.
func (c *arena) memory() (most int) {
	for _, r := range c.running[:c.Servers] {
		if r == nil {
			continue
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
		for line := range strings.Lines(string(text)) {
			var kilobytes int
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
				most = max(most, kilobytes<<10)
			}
		}
	}
	return most
}
