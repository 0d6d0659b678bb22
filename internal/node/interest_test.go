package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

func byInterest(cfg *core.Config) { cfg.Routing = core.RoutingInterest }

// aware starts a server that routes by interest, with a host without clients.
func (w *world) aware(host string, change ...func(*core.Config)) *full {
	w.t.Helper()
	return w.awareSpeaking(host, nil, change...)
}

// awareSpeaking starts one of another version.
func (w *world) awareSpeaking(host string, d *node.Dialect, change ...func(*core.Config)) *full {
	w.t.Helper()
	f := &full{server: w.startSpeaking(host, d, append(change, byInterest)...), host: coretest.NewHost()}
	var err error
	if f.Adapter, err = f.server.Adapter("/full", f.host); err != nil {
		w.t.Fatal(err)
	}
	f.host.Report(f.server.Occupancy("/full"))
	return f
}

func inRooms(rooms ...string) core.Target { return core.Target{Rooms: rooms} }

// sent counts the messages of a kind that a server has sent.
func (f *full) sent(kind core.Kind) int { return int(f.server.Stats().Sent[kind].Messages) }

// A message for a room is sent to the servers that have members of it, and to no
// others.
func TestInterest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.aware("a"), w.aware("b"), w.aware("c")
		within(time.Second)
		client := b.host.Connect("socket", "room")
		synctest.Wait()

		a.Broadcast(coretest.Event("1"), inRooms("room"))
		a.Broadcast(coretest.Event("2"), inRooms("socket"))
		a.Broadcast(coretest.Event("3"), inRooms("elsewhere", "room"))
		a.Broadcast(coretest.Event("nobody"), inRooms("elsewhere"))
		a.Broadcast(coretest.Event("4"), core.Target{Rooms: []string{"room"}, Except: []string{"elsewhere"}})
		synctest.Wait()
		expectList(t, "client", client.Received(), `["1"]`, `["2"]`, `["3"]`, `["4"]`)
		expect(t, "broadcasts sent", a.sent(core.KindBroadcast), 4)
		expect(t, "c's calls", c.host.Count("Broadcast"), 0)

		a.Broadcast(coretest.Event("5"), core.Target{})
		a.Broadcast(coretest.Event("6"), core.Target{Except: []string{"room"}})
		synctest.Wait()
		expect(t, "broadcasts to all", a.sent(core.KindBroadcast), 8)

		b.host.Leave(inRooms("socket"), []string{"room"})
		synctest.Wait()
		a.Broadcast(coretest.Event("7"), inRooms("room"))
		synctest.Wait()
		expect(t, "broadcasts after the last leave", a.sent(core.KindBroadcast), 8)
	})
}

// Operations and requests are routed too: a server without members of the room is not
// asked. It has to say that no join there is older than the request, which takes no
// longer than an answer, and is waited for as for an answer.
func TestInterestOfRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.aware("a"), w.aware("b"), w.aware("c")
		within(time.Second)
		b.host.Connect("b0", "room").AnswerWith(coretest.Value("yes"))
		synctest.Wait()
		ctx := t.Context()

		began := time.Now()
		sockets, err := a.FetchSockets(ctx, inRooms("room")).Wait()
		expectList(t, "fetched", ids(sockets), "b0")
		expect(t, "error", err, nil)
		none, err := a.FetchSockets(ctx, inRooms("nobody's")).Wait()
		expect(t, "fetched of nobody", len(none), 0)
		expect(t, "error", err, nil)
		rooms, err := a.SocketRooms(ctx, "b0").Wait()
		expectList(t, "rooms", rooms, "b0", "room")
		expect(t, "error", err, nil)
		acks := 0
		clients, err := a.BroadcastWithAck(ctx, coretest.Event("q"), inRooms("room"), func(core.Payload) { acks++ }).Wait()
		expect(t, "clients asked", clients, 1)
		expect(t, "acknowledgements", acks, 1)
		expect(t, "error", err, nil)
		clients, err = a.BroadcastWithAck(ctx, coretest.Event("q"), inRooms("nobody's"), nil).Wait()
		expect(t, "clients asked of nobody", clients, 0)
		expect(t, "error", err, nil)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("the requests took %v", took)
		}

		a.AddSockets(inRooms("room"), []string{"more"})
		a.DelSockets(inRooms("more"), []string{"room"})
		a.Broadcast(coretest.Event("at once"), inRooms("more"))
		a.DisconnectSockets(inRooms("b0"), true)
		within(time.Millisecond)
		expect(t, "b's sockets", b.host.Client("b0"), nil)
		for _, kind := range []core.Kind{core.KindFetchSockets, core.KindSocketsJoin, core.KindSocketsLeave, core.KindDisconnectSockets} {
			if n := a.sent(kind); n > 2 {
				t.Errorf("%d of %s were sent", n, kind)
			}
		}
		expect(t, "c's calls", len(c.host.Calls()), 0)

		w.net.Hang("c") // where somebody may have joined
		sockets, err = a.FetchSockets(ctx, inRooms("nobody's")).Wait()
		incomplete, ok := errors.AsType[*core.IncompleteError](err)
		if !ok || !slices.Equal(incomplete.Missing, []string{"c"}) {
			t.Errorf("fetched %v, %v", ids(sockets), err)
		}
		w.net.Resume("c")
		within(time.Second)
	})
}

// A server that makes sockets of others join a room reaches them there at once, before
// their servers have told it of the room.
func TestInterestInWhatOneHasMadeJoin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Delay("a", "b", 50*time.Millisecond)
		w.net.Delay("b", "a", 50*time.Millisecond)
		a, b := w.aware("a"), w.aware("b")
		client := b.host.Connect("b0", "here")
		within(time.Second)
		a.AddSockets(inRooms("here"), []string{"there"})
		a.Broadcast(coretest.Event("1"), inRooms("there"))
		a.AddAll("b0", []string{"further"})
		a.Broadcast(coretest.Event("2"), inRooms("further"))
		a.AddSockets(core.Target{}, []string{"everywhere"}) // for everybody, or for too many rooms to look each up
		a.Broadcast(coretest.Event("3"), inRooms("everywhere"))
		a.AddSockets(inRooms(append(manyRooms(100), "here")...), []string{"nowhere else"})
		a.Broadcast(coretest.Event("4"), inRooms("nowhere else"))
		within(60 * time.Millisecond) // less than it takes b to tell
		expectList(t, "client, at once", client.Received(), `["1"]`, `["2"]`, `["3"]`, `["4"]`)
		within(10 * time.Minute)
		a.Broadcast(coretest.Event("5"), inRooms("further"))
		within(time.Second)
		expectList(t, "client", client.Received(), `["1"]`, `["2"]`, `["3"]`, `["4"]`, `["5"]`)
	})
}

func manyRooms(n int) []string {
	rooms := make([]string, n)
	for i := range rooms {
		rooms[i] = fmt.Sprint("room ", i)
	}
	return rooms
}

// Servers that do not tell their rooms get every message.
func TestInterestOfThoseWhoDoNotTell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.aware("a"), w.full("b"), w.full("c", byInterest) // c's host does not report
		within(time.Second)
		a.Broadcast(coretest.Event("x"), inRooms("odd"))
		b.Broadcast(coretest.Event("y"), inRooms("odd"))
		synctest.Wait()
		for _, f := range []*full{b, c} {
			got := f.clients[1].Received()
			slices.Sort(got)
			expectList(t, f.server.ID(), got, `["x"]`, `["y"]`)
		}
	})
}

// A namespace that is closed and opened again has none of its former rooms.
func TestInterestOfANamespaceOpenedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithStreams(4, time.Millisecond))
		a, b := w.aware("a"), w.aware("b")
		b.host.Connect("b0", "room")
		within(time.Second)
		b.Close()
		host := coretest.NewHost()
		if _, err := b.server.Adapter("/full", host); err != nil {
			t.Fatal(err)
		}
		client := host.Connect("b1", "other") // not reported
		within(time.Second)
		a.Broadcast(coretest.Event("x"), inRooms("other"))
		within(time.Second)
		expectList(t, "client", client.Received(), `["x"]`)
	})
}

// Many joins at once make few frames: changes are gathered while an update is under
// way.
func TestChangesOfInterestAreGathered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(64))
		a, b := w.aware("a"), w.aware("b")
		within(time.Second)
		before := b.sent(core.KindInterest)
		w.net.Hold("a", "b")
		for i := range 1000 {
			b.host.Connect(fmt.Sprint("socket", i), "room")
		}
		synctest.Wait()
		w.net.Heal("a", "b")
		within(time.Second)
		if n := b.sent(core.KindInterest) - before; n > 100 {
			t.Errorf("%d frames for 1000 joins", n)
		}
		a.Broadcast(coretest.Event("x"), inRooms("socket999"))
		synctest.Wait()
		expectList(t, "client", b.host.Client("socket999").Received(), `["x"]`)
	})
}

// TestInterestAgainstModel has clients join, leave and emit at random, and loses links.
// A model of all rooms says what has to arrive: a client that was in the room when the
// event was emitted, anywhere, and stays until it can be there, gets it once, and in
// order with the others of the same sender and room.
func TestInterestAgainstModel(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { interestAgainstModel(t, seed) })
		})
	}
}

// model records what happened, and when.
type model struct {
	mu     sync.Mutex
	hosts  map[string]*modelHost
	emits  []modelEmit
	faults []time.Time
}

type modelHost struct {
	server    *full
	members   map[string]map[string]bool // of each room
	occupied  map[string]time.Time       // since when a room has members
	stays     []*stay                    // over, or open
	connected int
}

// stay is the time that a client spends in a room, and since when that room has
// members.
type stay struct {
	client          *coretest.Client
	room            string
	occupied, since time.Time
	until           time.Time // zero while it lasts
}

type modelEmit struct {
	from string // one goroutine of a server
	step int    // of that goroutine
	text string
	room string
	at   time.Time
}

func (m *model) enter(h *modelHost, c *coretest.Client, room string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if h.members[room] == nil {
		h.members[room] = map[string]bool{}
	}
	if len(h.members[room]) == 0 {
		h.occupied[room] = now
	}
	if !h.members[room][c.ID()] {
		h.members[room][c.ID()] = true
		h.stays = append(h.stays, &stay{client: c, room: room, occupied: h.occupied[room], since: now})
	}
}

func (m *model) exit(h *modelHost, c *coretest.Client, room string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(h.members[room], c.ID())
	for _, s := range h.stays {
		if s.client == c && s.room == room && s.until.IsZero() {
			s.until = time.Now()
		}
	}
}

const modelDelay = 3 * time.Millisecond // one way

func interestAgainstModel(t *testing.T, seed uint64) {
	var opts []mem.Option
	if seed%3 == 1 {
		opts = append(opts, mem.WithStreams(3, 2*time.Millisecond))
	}
	w := newWorld(t, opts...)
	m := &model{hosts: map[string]*modelHost{}}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		for _, other := range names {
			w.net.Delay(name, other, modelDelay)
		}
	}
	for _, name := range names {
		m.hosts[name] = &modelHost{server: w.aware(name), members: map[string]map[string]bool{}, occupied: map[string]time.Time{}}
	}
	within(time.Second)
	var all sync.WaitGroup
	for i, name := range names {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		for driver := range 2 { // they race each other
			rnd := rand.New(rand.NewPCG(rnd.Uint64(), 1))
			all.Go(func() { m.drive(m.hosts[name], name, driver, rnd) })
		}
	}
	if seed%2 == 0 {
		rnd := rand.New(rand.NewPCG(seed, 99))
		all.Go(func() {
			for range 6 {
				time.Sleep(time.Duration(rnd.IntN(60)) * time.Millisecond)
				a, b := names[rnd.IntN(2)], names[2+rnd.IntN(2)]
				m.mu.Lock()
				m.faults = append(m.faults, time.Now())
				m.mu.Unlock()
				if rnd.IntN(2) == 0 {
					w.net.Cut(a, b)
				} else {
					w.net.CutOneSide(a, b)
				}
			}
		})
	}
	all.Wait()
	within(time.Minute)
	m.check(t)
	spared := 0
	for _, h := range m.hosts {
		spared += 3*len(m.emits)/len(names) - h.server.sent(core.KindBroadcast)
	}
	if spared <= 0 {
		t.Errorf("nothing was spared in %d emits", len(m.emits))
	}
}

// drive joins, leaves and emits at random on one server.
func (m *model) drive(h *modelHost, name string, driver int, rnd *rand.Rand) {
	room := func() string { return fmt.Sprint("room", rnd.IntN(12)) }
	var mine []*coretest.Client
	for step := range 150 {
		time.Sleep(time.Duration(rnd.IntN(4)) * time.Millisecond / 2)
		switch n := rnd.IntN(10); {
		case n < 2 || len(mine) == 0:
			m.mu.Lock()
			h.connected++
			id := fmt.Sprint(name, h.connected)
			m.mu.Unlock()
			c := h.server.host.Connect(id)
			m.enter(h, c, id)
			mine = append(mine, c)
		case n < 4:
			c, r := mine[rnd.IntN(len(mine))], room()
			h.server.host.Join(inRooms(c.ID()), []string{r})
			m.enter(h, c, r)
		case n < 6:
			c, r := mine[rnd.IntN(len(mine))], room()
			m.exit(h, c, r)
			h.server.host.Leave(inRooms(c.ID()), []string{r})
		case n < 7 && len(mine) > 3:
			c := mine[0]
			mine = mine[1:]
			for _, r := range c.Rooms() {
				m.exit(h, c, r)
			}
			h.server.host.Disconnect(inRooms(c.ID()), false)
		default:
			r := room()
			sender := fmt.Sprint(name, "/", driver)
			text := fmt.Sprintf("%s.%d", sender, step)
			m.mu.Lock()
			m.emits = append(m.emits, modelEmit{sender, step, fmt.Sprintf("[%q]", text), r, time.Now()})
			m.mu.Unlock()
			h.server.Broadcast(coretest.Event(text), inRooms(r))
		}
	}
}

func (m *model) check(t *testing.T) {
	t.Helper()
	// How long a message may take: two round trips with streams and what was queued, or
	// until a link has come back.
	const quiet, disturbed = 4*modelDelay + 20*time.Millisecond, time.Second
	patience := func(at time.Time) time.Duration {
		if slices.ContainsFunc(m.faults, func(f time.Time) bool { return at.After(f.Add(-quiet)) && at.Before(f.Add(disturbed)) }) {
			return disturbed
		}
		return quiet
	}
	owed := 0
	for _, h := range m.hosts {
		for _, s := range h.stays {
			got := map[string]int{}
			for _, text := range s.client.Received() {
				got[text]++
			}
			for _, e := range m.emits {
				if got[e.text] > 1 {
					t.Fatalf("%s got %s %d times", s.client.ID(), e.text, got[e.text])
				}
				there := e.room == s.room && e.at.After(s.since) && (s.until.IsZero() || s.until.After(e.at.Add(patience(e.at))))
				if !there {
					continue
				}
				owed++
				if got[e.text] == 0 {
					t.Errorf("%s, in %s since %v (occupied since %v), has not got %s of %v", s.client.ID(), s.room, s.since, s.occupied, e.text, e.at)
				}
			}
		}
	}
	if owed < 50 {
		t.Errorf("only %d deliveries were to be expected", owed)
	}
	m.checkOrder(t)
}

// checkOrder checks that each client has got what one goroutine has emitted to one room
// in the order in which that was emitted.
func (m *model) checkOrder(t *testing.T) {
	t.Helper()
	emits := map[string]modelEmit{}
	for _, e := range m.emits {
		emits[e.text] = e
	}
	clients := map[*coretest.Client]bool{}
	for _, h := range m.hosts {
		for _, s := range h.stays {
			clients[s.client] = true
		}
	}
	for c := range clients {
		last := map[[2]string]modelEmit{}
		for _, text := range c.Received() {
			e := emits[text]
			stream := [2]string{e.from, e.room}
			if e.step < last[stream].step {
				t.Errorf("%s got %s after %s", c.ID(), text, last[stream].text)
			}
			last[stream] = e
		}
	}
}

// After a reconnect everything is sent to the peer until it has told what has changed, if
// it knows of marks or not.
func TestInterestAfterReconnect(t *testing.T) {
	for _, without := range []string{"", "mark"} {
		t.Run("without "+without, func(t *testing.T) { interestAfterReconnect(t, without) })
	}
}

func interestAfterReconnect(t *testing.T, without string) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.aware("a"), w.awareSpeaking("b", &node.Dialect{Min: 1, Max: 1, Without: without})
		within(time.Second)
		w.net.Delay("b", "a", 20*time.Millisecond)
		b.server.emit("under way, so that b asks first what has arrived")
		w.net.Hang("b")
		w.net.Cut("a", "b")
		synctest.Wait()
		client := b.host.Connect("b0", "room")
		w.net.Resume("b")
		for len(a.server.Peers()) == 0 {
			time.Sleep(time.Millisecond)
		}
		a.Broadcast(coretest.Event("x"), inRooms("room"))
		within(time.Second)
		expectList(t, "client", client.Received(), `["x"]`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.FetchSockets(ctx, inRooms("nobody's")).Wait(); err != nil {
			t.Error(err)
		}
	})
}
