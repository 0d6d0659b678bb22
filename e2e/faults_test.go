package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// Times that the mesh promises, and more, for a busy machine.
const (
	soon     = 30 * time.Second // "within a second"; less than a heartbeat that is too late to help
	long     = 60_000           // a request's timeout, ms: nothing in a test waits so long
	hangTime = 2000             // after which a silent server is gone, ms
)

// TestLateJoin: who joins is known at once, and not with the next heartbeat.
func TestLateJoin(t *testing.T) {
	for _, kinds := range [][]string{{goKind, goKind, goKind}, {goKind, goKind, nodeKind}, {goKind, nodeKind, goKind}} {
		t.Run(strings.Join(kinds[:2], "+")+", and "+kinds[2], func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, kinds[:2], args{"heartbeatInterval": 500, "heartbeatTimeout": 10_000})
			heartbeat := args{"heartbeatInterval": 60_000, "heartbeatTimeout": 120_000} // too late to help
			late := c.add(t, kinds[2], heartbeat)
			all := append(c.servers, late)
			took := c.know(t, "/", all...)
			t.Logf("known after %v", took)
			if took > soon {
				t.Errorf("known only after %v", took)
			}
			c.servers = all
			s := setStage(t, c, 2)
			s.emit("hello")
			s.got(list{"hello"}, yes, yes, yes)
		})
	}
}

// TestServerGone: whatever makes a server go, those who wait for it get the others'
// answers without an error, and nobody else notices.
func TestServerGone(t *testing.T) {
	for _, victim := range []string{goKind, nodeKind} {
		for _, end := range []struct {
			name string
			stop bool // before it is asked, so that it answers nothing
			with syscall.Signal
		}{
			{"killed", true, syscall.SIGKILL},
			{"hung", true, 0},
			{"left", false, syscall.SIGTERM},
		} {
			t.Run(victim+" server "+end.name, func(t *testing.T) {
				t.Parallel()
				c := startCluster(t, goKind, []string{goKind, goKind, victim}, args{
					"heartbeatInterval": 500, "heartbeatTimeout": hangTime, "requestTimeout": long,
				})
				s := setStage(t, c, 0)
				lost := s.servers[2]
				s.clients[0].answer(t, "q", "a")
				s.clients[1].answer(t, "q", "b") // the third one is silent
				if end.stop {
					lost.signal(t, syscall.SIGSTOP)
				}
				pending := s.askAround(lost, end.stop, long)
				s.prompt()
				began := time.Now()
				if end.with != 0 {
					lost.signal(t, end.with)
				}
				pending.settle(s, nil)
				t.Logf("settled after %v", time.Since(began))
				s.without(lost)
				switch end.with {
				case 0:
					s.comesBack(c, lost)
				case syscall.SIGTERM:
					same(t, "exit code", lost.ended(t), 0)
				}
			})
		}
	}
}

// questions are requests under way, by name.
type questions map[string]<-chan procs.Answer

// askAround asks all servers things that one of them will not answer.
func (s *stage) askAround(silent *server, stopped bool, timeout int) questions {
	s.Helper()
	q := questions{}
	begin := func(name, op string, members args) {
		answer, err := s.origin.Begin(op, with(args{"nsp": s.nsp}, members))
		if err != nil {
			s.Fatal(err)
		}
		q[name] = answer
	}
	begin("serverSideEmit", "serverSideEmitWithAck", args{"args": list{"ask all but", silent.id}})
	begin("emitWithAck", "emitWithAck", args{"args": list{"q"}, "flags": args{"timeout": timeout}})
	if stopped {
		begin("fetchSockets", "fetchSockets", nil)
		begin("sockets", "sockets", args{"rooms": list{}})
	}
	s.do("peers", nil) // the server begins them in this order
	return q
}

// settle waits for the answers, which are those of the first two servers: the others
// have gone, or one of them hangs and is to be missed.
func (q questions) settle(s *stage, hung *server) {
	s.Helper()
	sids := list{s.clients[0].sid, s.clients[1].sid}
	want := map[string]list{
		"serverSideEmit": {s.servers[1].id},
		"emitWithAck":    {"a", "b"},
		"fetchSockets":   sids,
		"sockets":        sids,
	}
	for name, answer := range q {
		if name == "sockets" && hung != nil {
			// The core's own error names who is missing.
			if _, err := s.origin.await(name, answer); err == nil || !strings.Contains(err.Error(), "missing 1 servers ("+hung.id+")") {
				s.Errorf("sockets: error %v, which should name %s alone", err, hung.id)
			}
			continue
		}
		var failed any
		switch {
		case hung != nil && name == "emitWithAck":
			failed = "operation has timed out"
		case hung != nil:
			failed = "timeout reached: missing 1 responses"
		}
		value, failure := q.result(s, name, answer)
		sameSet(s.T, name, value, want[name])
		same(s.T, name+": error", failure, failed)
	}
}

// result waits for one answer: what was answered, and the error's text.
func (q questions) result(s *stage, name string, answer <-chan procs.Answer) (value, failure any) {
	s.Helper()
	result, err := s.origin.await(name, answer)
	if err != nil {
		s.Fatal(err)
	}
	if name == "sockets" { // the driver gets a value or an error, not both
		return result, nil
	}
	value, failure = result.(args)["value"], result.(args)["error"]
	if name == "fetchSockets" {
		value = ids(value)
	}
	return value, failure
}

// TestServerGoneAndServerHung: of two servers that are asked and do not answer, one
// dies, and the other one is there and silent. That one alone is an error, in the
// words that Node has for it.
func TestServerGoneAndServerHung(t *testing.T) {
	const enough = 5000 // for the others, ms
	for _, kinds := range [][2]string{{goKind, nodeKind}, {nodeKind, goKind}} {
		t.Run(kinds[0]+" server gone, "+kinds[1]+" server hung", func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{goKind, goKind, kinds[0], kinds[1]}, args{
				"heartbeatInterval": 500, "heartbeatTimeout": long, "requestTimeout": enough,
			})
			s := setStage(t, c, 0)
			lost, hung := s.servers[2], s.servers[3]
			s.clients[0].answer(t, "q", "a")
			s.clients[1].answer(t, "q", "b")
			lost.signal(t, syscall.SIGSTOP)
			hung.signal(t, syscall.SIGSTOP)
			pending := s.askAround(lost, true, enough)
			lost.signal(t, syscall.SIGKILL)
			pending.settle(s, hung)
			hung.signal(t, syscall.SIGCONT)
		})
	}
}

// TestServersLeaveTogether: one server stays when the others leave while it asks
// them, and one of them while it asks.
func TestServersLeaveTogether(t *testing.T) {
	for _, origin := range []string{goKind, nodeKind} {
		t.Run("asked by "+origin, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{origin, goKind, nodeKind, goKind}, args{"requestTimeout": long})
			s := setStage(t, c, 0)
			// Each of them is one whose answer does not come. Node waits five seconds.
			pending := map[string]<-chan procs.Answer{}
			for _, silent := range s.servers[1:] {
				answer, err := s.origin.Begin("serverSideEmitWithAck", args{"nsp": s.nsp, "args": list{"ask all but", silent.id}})
				if err != nil {
					t.Fatal(err)
				}
				pending[silent.id] = answer
			}
			s.do("peers", nil) // all are under way
			// They have the questions, for they come in order.
			s.emit("asked")
			for i, client := range s.clients[1:] {
				client.wait(t, "asked", 1)
				s.servers[1+i].signal(t, syscall.SIGTERM)
			}
			for silent, answer := range pending {
				value, failure := questions{}.result(s, "serverSideEmit", answer)
				same(t, "error", failure, nil)
				if slices.Contains(toStrings(value), silent) {
					t.Errorf("%s has answered", silent)
				}
			}
			for _, server := range s.servers[1:] {
				same(t, server.name+": exit code", server.ended(t), 0)
			}
		})
	}
}

// prompt checks that broadcasts among the first two servers are not held up.
func (s *stage) prompt() {
	s.Helper()
	for i := range 10 {
		began := time.Now()
		s.emit("prompt", i)
		s.clients[1].wait(s.T, "prompt", i+1)
		if took := time.Since(began); took > soon {
			s.Errorf("a broadcast took %v", took)
		}
	}
}

// without checks that requests are right again, without the lost server.
func (s *stage) without(lost *server) {
	s.Helper()
	procs.Eventually(s.T, linkTime, func() error {
		if count := s.do("serverCount", nil); count != 2.0 {
			return fmt.Errorf("%v servers are counted", count)
		}
		return nil
	})
	value, failure := s.gather("fetchSockets", nil)
	same(s.T, "later fetchSockets: error", failure, nil)
	sameSet(s.T, "later fetchSockets", ids(value), list{s.clients[0].sid, s.clients[1].sid})
	value, failure = s.gather("serverSideEmitWithAck", args{"args": list{"ask all but", lost.id}})
	same(s.T, "later serverSideEmit: error", failure, nil)
	same(s.T, "later serverSideEmit", value, list{s.servers[1].id})
	value, failure = s.gather("emitWithAck", args{"args": list{"q"}, "flags": args{"timeout": long}})
	same(s.T, "later emitWithAck: error", failure, nil)
	sameSet(s.T, "later emitWithAck", value, list{"a", "b"})
}

// comesBack lets a server that hung go on.
func (s *stage) comesBack(c *cluster, lost *server) {
	s.Helper()
	lost.signal(s.T, syscall.SIGCONT)
	s.Logf("back after %v", c.know(s.T, s.nsp, c.servers...))
	s.emit("welcome back")
	s.clients[2].wait(s.T, "welcome back", 1)
	value, failure := s.gather("fetchSockets", nil)
	same(s.T, "fetchSockets: error", failure, nil)
	sameSet(s.T, "fetchSockets", ids(value), list{s.clients[0].sid, s.clients[1].sid, s.clients[2].sid})
}

// TestRestart: a server comes back on the same address with a new id.
func TestRestart(t *testing.T) {
	for _, victim := range []string{goKind, nodeKind} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{goKind, goKind, victim}, args{"requestTimeout": long})
			old := c.servers[2]
			old.Kill()
			c.servers[2] = c.add(t, victim, args{"meshPort": portOf(old.mesh), "httpPort": portOf(old.url)})
			took := c.know(t, "/", c.servers...)
			t.Logf("in again after %v", took)
			if took > soon {
				t.Errorf("in again only after %v", took)
			}
			same(t, "address", c.servers[2].mesh, old.mesh)
			if c.servers[2].id == old.id {
				t.Error("it has its old id")
			}
			s := setStage(t, c, 0)
			s.emit("hello")
			s.got(list{"hello"}, yes, yes, yes)
			value, failure := s.gather("fetchSockets", nil)
			same(t, "error", failure, nil)
			sameSet(t, "sockets", ids(value), list{s.clients[0].sid, s.clients[1].sid, s.clients[2].sid})
		})
	}
}

// TestRestartUnnoticed: a Node server comes back with a new id while discovery is
// down. It never says its id in the handshake, so it is reached by the old one
// first, and refuses a second connection of the same server.
func TestRestartUnnoticed(t *testing.T) {
	t.Parallel()
	d := startDiscovery(t, goKind, nil)
	c := &cluster{options: args{"discovery": d.url}}
	larger := func(digit string) args { return args{"uid": "fffffffffffffff" + digit} } // those are dialled
	first := c.add(t, goKind, nil)
	old := c.add(t, nodeKind, larger("1"))
	c.know(t, "/", first, old)
	d.Kill()
	old.Kill()
	again := c.add(t, nodeKind, with(larger("2"), args{"meshPort": portOf(old.mesh)}))
	procs.Eventually(t, linkTime, func() error {
		if peers := toStrings(again.do(t, "peers", nil)); len(peers) == 0 {
			return fmt.Errorf("%s is not dialled", again.name)
		}
		return nil
	})
	d = startDiscovery(t, goKind, args{"port": d.port()})
	// A Node server cuts its links to those that a roster does not have: so both are to be in it.
	for _, s := range []*server{first, again} {
		procs.Eventually(t, linkTime, func() error {
			if !strings.Contains(d.Log.String(), `msg="node registered" peer=`+s.id) {
				return fmt.Errorf("%s is not registered", s.name)
			}
			return nil
		})
	}
	t.Logf("together after %v", c.know(t, "/", first, again))
	c.servers = []*server{first, again}
	s := setStage(t, c, 0)
	s.emit("hello")
	s.got(list{"hello"}, yes, yes)
}
