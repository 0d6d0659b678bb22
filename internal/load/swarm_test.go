package load

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// patience is how long tests wait for what has to come.
const patience = time.Minute

// bothWires runs a test with each way of reading.
func bothWires(t *testing.T, test func(t *testing.T, portable bool)) {
	t.Run("epoll", func(t *testing.T) { test(t, false) })
	t.Run("portable", func(t *testing.T) { test(t, true) })
}

// connected is a swarm whose clients are there.
func connected(t *testing.T, plan Plan) *Swarm {
	t.Helper()
	w := newSwarm(t, plan)
	tally, err := w.Connect()
	if err != nil || tally.Ready != plan.Clients {
		t.Fatalf("%d of %d connected: %v, %s", tally.Ready, plan.Clients, err, tally.LastError)
	}
	return w
}

// publish publishes some messages and reports on what came.
func publish(t *testing.T, w *Swarm, pace Pace) Report {
	t.Helper()
	if err := w.Publish(pace); err != nil {
		t.Fatal(err)
	}
	sent := func() bool { return w.tally.Sent >= uint64(pace.Messages) }
	if ok, err := w.wait(patience, sent); !ok || err != nil {
		t.Fatalf("the messages were not sent: %v", err)
	}
	counts, err := w.Stop()
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Drain(counts, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMisbehaviourIsSeen: what a server does wrong is counted, exactly.
func TestMisbehaviourIsSeen(t *testing.T) {
	const messages, clients = 50, 3
	frame := func(m string) []byte { return serverFrame(wsframe.Text, true, m) }
	for _, c := range []struct {
		name    string
		publish func() func(n int, m string) [][]byte
		lost    uint64 // for each client
		late    uint64
		dup     uint64
		strange uint64
	}{
		{name: "none", publish: func() func(int, string) [][]byte { return nil }},
		{name: "loses one", lost: 1, publish: func() func(int, string) [][]byte {
			return func(n int, m string) [][]byte {
				if n == 20 {
					return nil
				}
				return [][]byte{frame(m)}
			}
		}},
		{name: "loses the end", lost: 5, publish: func() func(int, string) [][]byte {
			return func(n int, m string) [][]byte {
				if n >= messages-5 {
					return nil
				}
				return [][]byte{frame(m)}
			}
		}},
		{name: "doubles", dup: 2, publish: func() func(int, string) [][]byte {
			return func(n int, m string) [][]byte {
				if n == 3 || n == 7 {
					return [][]byte{frame(m), frame(m)}
				}
				return [][]byte{frame(m)}
			}
		}},
		{name: "swaps", late: 1, publish: func() func(int, string) [][]byte {
			var kept string
			return func(n int, m string) [][]byte {
				switch n {
				case 30:
					kept = m
					return nil
				case 31:
					return [][]byte{frame(m), frame(kept)}
				}
				return [][]byte{frame(m)}
			}
		}},
		{name: "garbles", lost: 1, strange: 1, publish: func() func(int, string) [][]byte {
			return func(n int, m string) [][]byte {
				if n == 10 {
					return [][]byte{frame(strings.Replace(m, `"msg","0`, `"msg","z`, 1))}
				}
				return [][]byte{frame(m)}
			}
		}},
		{name: "sends in parts", publish: func() func(int, string) [][]byte {
			return func(n int, m string) [][]byte {
				return [][]byte{
					serverFrame(wsframe.Text, false, m[:5]), serverFrame(wsframe.Ping, true, "in between"),
					serverFrame(wsframe.Continuation, false, m[5:40]), serverFrame(wsframe.Continuation, true, m[40:]),
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWires(t, func(t *testing.T, portable bool) {
				t.Parallel() // what is lost is waited for
				f := &fake{publish: c.publish()}
				w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: clients, Publishers: 1, Portable: portable})
				r := publish(t, w, Pace{Rate: 5000, Messages: messages})
				got := [...]uint64{r.Lost, r.Total.Late, r.Total.Duplicates, r.Total.Strange}
				want := [...]uint64{clients * c.lost, clients * c.late, clients * c.dup, clients * c.strange}
				if got != want {
					t.Errorf("lost, late, duplicates, strange %v, want %v", got, want)
				}
				if deliveries := clients * (messages - c.lost + c.dup); r.Total.Deliveries != deliveries {
					t.Errorf("%d deliveries, want %d", r.Total.Deliveries, deliveries)
				}
			})
		})
	}
}

// TestWindow: as many messages are under way as fit into the window, until
// they come back.
func TestWindow(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		const window, messages = 4, 200
		f := &fake{}
		held := [][]byte{}
		f.publish = func(n int, m string) [][]byte {
			f.mu.Lock()
			defer f.mu.Unlock()
			frame := serverFrame(wsframe.Text, true, m)
			if held == nil { // they may come back
				return [][]byte{frame}
			}
			held = append(held, frame)
			return nil
		}
		w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 1, Publishers: 1, Portable: portable})
		if err := w.Publish(Pace{Window: window, Messages: messages}); err != nil {
			t.Fatal(err)
		}
		sent := func(n uint64) {
			t.Helper()
			if ok, err := w.wait(patience, func() bool { return w.tally.Sent >= n }); !ok || err != nil {
				t.Fatalf("%d messages were not sent: %v", n, err)
			}
		}
		sent(window)
		// What is sent before this answer is there, too.
		if _, err := w.Ask(Question{For: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if tally, err := w.Tally(); err != nil || tally.Sent != window {
			t.Errorf("%d under way, want %d: %v", tally.Sent, window, err)
		}
		f.mu.Lock()
		frames := held
		held = nil
		f.mu.Unlock()
		f.write(f.conns[0], frames)
		sent(messages)
		counts, err := w.Stop()
		if err != nil {
			t.Fatal(err)
		}
		if r, err := w.Drain(counts, patience); err != nil || r.Lost != 0 || r.Total.Deliveries != messages {
			t.Errorf("lost %d, delivered %d of %d: %v", r.Lost, r.Total.Deliveries, messages, err)
		}
	})
}

func TestClientsThatCannotConnect(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		for name, c := range map[string]struct {
			server *fake
			want   Tally
		}{
			"hung up on at first":      {&fake{accept: func(n int) bool { return n >= 2 }}, Tally{Ready: 1, Retried: 2}},
			"hung up on":               {&fake{accept: func(int) bool { return false }}, Tally{Failed: 1, Retried: maxAttempts - 1}},
			"never told more":          {&fake{hello: func(int) [][]byte { return nil }}, Tally{Failed: 1, Retried: maxAttempts - 1, Stalled: maxAttempts}},
			"told what is no frame":    {&fake{hello: func(int) [][]byte { return [][]byte{{0xff, 0xff, 0xff}} }}, Tally{Failed: 1, Retried: maxAttempts - 1}},
			"refused by the namespace": {&fake{hello: says("0{}", `44{"message":"no"}`)}, Tally{Failed: 1, Retried: maxAttempts - 1}},
			"disconnected":             {&fake{hello: says("0{}", "41")}, Tally{Failed: 1, Retried: maxAttempts - 1}},
			"told an empty packet":     {&fake{hello: says("0{}", "")}, Tally{Failed: 1, Retried: maxAttempts - 1}},
		} {
			t.Run(name, func(t *testing.T) {
				w, err := New(Plan{URLs: []string{startFake(t, c.server)}, Clients: 1, Count: 1, Portable: portable, ConnectTimeout: 100 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				got, err := w.Connect()
				if err != nil {
					t.Fatal(err)
				}
				if c.want.Stalled == 0 && got.Stalled > 0 {
					t.Skip("this machine is too slow for the timeout")
				}
				if got.Ready != c.want.Ready || got.Failed != c.want.Failed || got.Retried != c.want.Retried || got.Stalled != c.want.Stalled {
					t.Errorf("%+v\nwant %+v", got, c.want)
				}
				if (got.LastError == "") != (c.want.Retried == 0) {
					t.Errorf("error %q", got.LastError)
				}
			})
		}
	})
}

// says is the beginning of a connection.
func says(messages ...string) func(int) [][]byte {
	var frames [][]byte
	for _, m := range messages {
		frames = append(frames, serverFrame(wsframe.Text, true, m))
	}
	return func(int) [][]byte { return frames }
}

// TestPings: the server's are answered, of the engine and of WebSockets.
func TestPings(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		f := &fake{hello: func(int) [][]byte {
			return [][]byte{serverFrame(wsframe.Ping, true, "are you there"), serverFrame(wsframe.Text, true, "0{}"), serverFrame(wsframe.Text, true, "2")}
		}}
		w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 1, Portable: portable})
		tally, err := w.Tally()
		if err != nil || tally.Pings != 1 {
			t.Errorf("%d pings answered: %v", tally.Pings, err)
		}
		if !f.heard("3") || !f.heard("are you there") {
			t.Errorf("the server heard %q", f.got)
		}
	})
}

// TestClosedByServer: clients that are disconnected are counted.
func TestClosedByServer(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		f := &fake{publish: func(int, string) [][]byte { return [][]byte{serverFrame(wsframe.Close, true, "\x03\xe9going away")} }}
		w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 2, Publishers: 1, Portable: portable})
		if err := w.Publish(Pace{Rate: 1000, Messages: 1}); err != nil {
			t.Fatal(err)
		}
		closed := func() bool { return w.tally.Closed == 2 }
		if ok, err := w.wait(patience, closed); !ok || err != nil {
			t.Fatalf("not closed: %v", err)
		}
		tally, err := w.Tally()
		if err != nil || tally.Ready != 0 || !strings.Contains(tally.LastError, `code 1001 "going away"`) {
			t.Errorf("%d ready, %q, %v", tally.Ready, tally.LastError, err)
		}
	})
}

func TestAsk(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		wrong := 0
		f := &fake{answer: func(string) string {
			if wrong++; wrong%2 == 1 {
				return "[7]"
			}
			return "[2]"
		}}
		w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 2, Portable: portable})
		fetched, err := w.Ask(Question{Fetch: true, Clients: 1, For: 50 * time.Millisecond})
		if err != nil || fetched.Latency.Total == 0 || fetched.Missing != 0 {
			t.Fatalf("%d answers, %d missing, %v", fetched.Latency.Total, fetched.Missing, err)
		}
		if want := int(fetched.Latency.Total+1) / 2; fetched.Wrong != want {
			t.Errorf("%d wrong of %d, want %d", fetched.Wrong, fetched.Latency.Total, want)
		}
		echoes, err := w.Ask(Question{Rate: 100, For: 100 * time.Millisecond})
		if err != nil || echoes.Latency.Total == 0 || echoes.Latency.Total > 11 || echoes.Missing+echoes.Wrong != 0 {
			t.Errorf("%d answers, %d missing, %d wrong, %v", echoes.Latency.Total, echoes.Missing, echoes.Wrong, err)
		}
	})
}

// TestSources: clients come from several addresses.
func TestSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the loopback network has one address here")
	}
	f := &fake{}
	connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 4, Sources: 2})
	hosts := map[string]int{}
	f.mu.Lock()
	for _, c := range f.conns {
		host, _, _ := strings.Cut(c.RemoteAddr().String(), ":")
		hosts[host]++
	}
	f.mu.Unlock()
	if len(hosts) != 2 || hosts["127.0.0.1"] != 2 || hosts["127.0.0.2"] != 2 {
		t.Errorf("clients come from %v", hosts)
	}
}

func TestConnectRate(t *testing.T) {
	f := &fake{}
	begun := time.Now()
	connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 11, ConnectRate: 100})
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("10 intervals of 10 ms took %v", took)
	}
}

// TestBadPlans are refused with what is wrong.
func TestBadPlans(t *testing.T) {
	good := Plan{URLs: []string{"http://127.0.0.1:1"}, Clients: 10, Count: 10}
	for want, change := range map[string]func(*Plan){
		"no servers":      func(p *Plan) { p.URLs = nil },
		"want a URL":      func(p *Plan) { p.URLs = []string{"https://127.0.0.1"} },
		"clients 5 to 15": func(p *Plan) { p.First = 5 },
		"11 publishers":   func(p *Plan) { p.Publishers = 11 },
		"of 11 rooms":     func(p *Plan) { p.Rooms = 11 },
		"31 bytes":        func(p *Plan) { p.Size = 31 },
	} {
		p := good
		change(&p)
		w, err := New(p)
		if err == nil {
			w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestRooms: rooms have the same number of members, clients as many different
// rooms as they should, and neighbours share them.
func TestRooms(t *testing.T) {
	for _, p := range []Plan{
		{Clients: 10, Rooms: 1, RoomsPerClient: 1},
		{Clients: 100, Rooms: 20, RoomsPerClient: 1},
		{Clients: 100, Rooms: 50, RoomsPerClient: 5},
		{Clients: 7, Rooms: 3, RoomsPerClient: 3},
	} {
		t.Run(fmt.Sprint(p.Clients, p.Rooms, p.RoomsPerClient), func(t *testing.T) {
			members := make([]int, p.Rooms)
			for client := range p.Clients {
				mine := map[int]bool{}
				for k := range p.RoomsPerClient {
					room := p.room(client, k)
					members[room]++
					mine[room] = true
				}
				if len(mine) != p.RoomsPerClient {
					t.Errorf("client %d is in %v", client, mine)
				}
			}
			for room, n := range members {
				if n != p.Clients*p.RoomsPerClient/p.Rooms {
					t.Errorf("room %d has %d members", room, n)
				}
			}
		})
	}
}

func TestCallsAfterClose(t *testing.T) {
	w, err := New(Plan{URLs: []string{"http://127.0.0.1:1"}, Clients: 1, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := w.Tally(); err != ErrClosed {
		t.Errorf("error %v, want %v", err, ErrClosed)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
