package socketio

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// ackOutcome is what an acknowledged emit came to.
type ackOutcome struct {
	values []any
	err    error
}

// ask emits with acknowledgement and returns the outcome's channel.
func ask(operator *socket.BroadcastOperator, args ...any) <-chan ackOutcome {
	outcome := make(chan ackOutcome, 2)
	operator.EmitWithAck("q", args...)(func(values []any, err error) { outcome <- ackOutcome{values, err} })
	return outcome
}

// expectAcks checks an outcome, whatever the order of the answers.
func expectAcks(t *testing.T, outcome <-chan ackOutcome, values ...string) {
	t.Helper()
	got := await.Value(t, outcome)
	if got.err != nil {
		t.Fatalf("error %v beside %v", got.err, got.values)
	}
	var texts []string
	for _, v := range got.values {
		texts = append(texts, jsonOf(v))
	}
	slices.Sort(texts)
	slices.Sort(values)
	if !slices.Equal(texts, values) {
		t.Fatalf("answers %q, want %q", texts, values)
	}
}

// answerAll lets a client answer each event with the JSON array args.
func answerAll(t *testing.T, c *client, args string) {
	t.Helper()
	go func() {
		for f := range c.frames {
			if id, _, ok := cutID(f.data, "2"); ok && !f.binary {
				c.send("3" + id + args)
			}
		}
	}()
}

func TestAcknowledgements(t *testing.T) { onEachMesh(t, 3, acknowledgements) }

func acknowledgements(t *testing.T, s []*server) {
	operator := func() *socket.BroadcastOperator { return s[0].Timeout(await.Patience) }

	expectAcks(t, ask(operator())) // nobody is there

	for i, answer := range []string{`[1]`, `[]`, `["a","b"]`} {
		c, _ := s[i].client("/", "r")
		answerAll(t, c, answer)
	}
	expectAcks(t, ask(operator()), `1`, `null`, `"a"`)
	expectAcks(t, ask(operator().To("r")), `1`, `null`, `"a"`)
	expectAcks(t, ask(operator().To("empty")))
	expectAcks(t, ask(operator().Local()), `1`)
	expectAcks(t, ask(operator().Local().To("empty")))

	c, _ := s[1].client("/", "binary")
	outcome := ask(operator().To("binary"))
	id, _ := packetID(t, c.next().data, "2")
	c.send("61-"+id+`[{"deep":[{"_placeholder":true,"num":0}]}]`, "blob")
	got := await.Value(t, outcome)
	if got.err != nil || len(got.values) != 1 {
		t.Fatalf("binary answer: %v, %v", got.values, got.err)
	}
	blob := got.values[0].(map[string]any)["deep"].([]any)[0].(types.BufferInterface)
	if string(blob.Bytes()) != "blob" {
		t.Errorf("binary answer: %q", blob.Bytes())
	}
}

func TestAcknowledgementsWithASilentClient(t *testing.T) {
	onEachMesh(t, 2, acknowledgementsWithASilentClient)
}

func acknowledgementsWithASilentClient(t *testing.T, s []*server) {
	c, _ := s[0].client("/")
	answerAll(t, c, `["here"]`)
	_, silent := s[1].client("/")
	// A busy machine may need longer for the one answer: then it is asked again.
	var got ackOutcome
	for within := 300 * time.Millisecond; within < await.Patience && len(got.values) == 0; within *= 4 {
		if got = await.Value(t, ask(s[0].Timeout(within))); got.err == nil {
			break
		}
	}
	if got.err == nil || len(got.values) != 1 || got.values[0] != "here" {
		t.Errorf("got %v, %v; want one answer and an error", got.values, got.err)
	}
	await.Condition(t, "acknowledgement forgotten", func() bool { return silent.Acks().Len() == 0 })
}

func TestRemoteSocketEmitWithAck(t *testing.T) { onEachMesh(t, 2, remoteSocketEmitWithAck) }

func remoteSocketEmitWithAck(t *testing.T, s []*server) {
	c, _ := s[1].client("/", "one")
	answerAll(t, c, `["answer","more"]`)
	remote := fetchSockets(t, s[0].In("one"))[0]
	expectAcks(t, ask(remote.Timeout(await.Patience)), `"answer"`)

	// On a local socket the library loses the answer; through the mesh it does not.
	local := fetchSockets(t, s[1].In("one"))[0]
	expectAcks(t, ask(local.Timeout(await.Patience)), `"answer"`)

	c.close()
	await.Condition(t, "gone", func() bool { return s[1].Sockets().Sockets().Len() == 0 })
	got := await.Value(t, ask(remote.Timeout(await.Patience)))
	if got.err != nil || got.values != nil {
		t.Errorf("from a socket that is gone: %v, %v", got.values, got.err)
	}
}

// empty is a server without clients, which joins and leaves as tests like.
type empty struct{ core.Host }

func (empty) BroadcastWithAck(_ core.Payload, _ core.Target, count func(int), _ func(core.Payload)) {
	count(0)
}

// TestAcknowledgementsAtTheWorstMoments: servers join and die between the parts of
// one acknowledged emit.
func TestAcknowledgementsAtTheWorstMoments(t *testing.T) {
	join := func(f *fabric) { _, _ = f.node("late").Adapter("/", empty{}) }
	die := func(f *fabric) { f.remove("/", "victim", core.ErrSilentPeer) }
	both := func(f *fabric) { join(f); die(f) }
	for name, change := range map[string]func(*fabric){"join": join, "die": die, "both": both} {
		t.Run(name, func(t *testing.T) {
			for _, moment := range []string{"sending", "waiting", "answering"} {
				t.Run(moment, func(t *testing.T) { askDuring(t, moment, change) })
			}
		})
	}
}

// askDuring emits with acknowledgement to three servers, one of which, the victim,
// does not answer what it is asked unless it may; something changes meanwhile.
func askDuring(t *testing.T, moment string, change func(*fabric)) {
	f := newFabric()
	s := cluster(t, f, 2)
	if _, err := f.node("victim").Adapter("/", empty{}); err != nil {
		t.Fatal(err)
	}
	c1, _ := s[0].client("/")
	c2, _ := s[1].client("/")

	var once sync.Once
	f.deliver = func(to *member, m *core.Message) {
		if moment == "sending" && m.Kind == core.KindBroadcast {
			once.Do(func() { change(f) })
		}
		to.receiver.Receive(m)
	}
	outcome := ask(s[0].Timeout(await.Patience))
	id1, _ := packetID(t, c1.next().data, "2")
	id2, _ := packetID(t, c2.next().data, "2")
	if moment == "waiting" {
		change(f)
	}
	c1.send("3" + id1 + `[1]`)
	if moment == "answering" {
		change(f)
	}
	c2.send("3" + id2 + `[2]`)
	expectAcks(t, outcome, `1`, `2`)
	if len(outcome) != 0 {
		t.Error("called twice")
	}
}

// TestAcknowledgementsOfADeadServer: its clients are waited for no longer than it
// is there.
func TestAcknowledgementsOfADeadServer(t *testing.T) {
	arrived := make(chan struct{}, 1)
	f := newFabric()
	f.deliver = func(to *member, m *core.Message) {
		to.receiver.Receive(m)
		if m.Kind == core.KindBroadcastAck {
			arrived <- struct{}{}
		}
	}
	s := cluster(t, f, 3)
	answering, _ := s[0].client("/")
	silent, _ := s[1].client("/")
	lost, _ := s[1].client("/")
	outcome := ask(s[0].Timeout(await.Patience))
	id, _ := packetID(t, answering.next().data, "2")
	answering.send("3" + id + `["here"]`)
	id, _ = packetID(t, lost.next().data, "2")
	lost.send("3" + id + `["there"]`)
	silent.next()
	await.Value(t, arrived)
	f.remove("/", "node2", core.ErrSilentPeer)
	expectAcks(t, outcome, `"here"`, `"there"`)
}

// TestAcknowledgementsAsServersComeAndGo: no emit may wait for its timeout.
func TestAcknowledgementsAsServersComeAndGo(t *testing.T) {
	f := newFabric()
	s := cluster(t, f, 2)
	for _, server := range s {
		c, _ := server.client("/")
		answerAll(t, c, `[1]`)
	}
	ctx, stop := context.WithCancel(context.Background())
	var churn sync.WaitGroup
	for i := range 3 {
		churn.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprint("guest", i, "-", n)
				if a, err := f.node(id).Adapter("/", empty{}); err == nil {
					a.Close()
				}
			}
		})
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 50 {
				got := <-ask(s[0].Timeout(await.Patience))
				if got.err != nil || len(got.values) != 2 {
					t.Errorf("got %v, %v", got.values, got.err)
					return
				}
			}
		})
	}
	asking.Wait()
	stop()
	churn.Wait()
}

// TestCountsMeet plays the operator against an adapter whose mesh has the answer
// at once, with other counts of servers each time it is asked.
func TestCountsMeet(t *testing.T) {
	for _, counts := range [][]int{{1}, {3}, {3, 2}, {2, 3}, {5, 1, 9}} {
		mesh := &changing{counts: counts}
		a := newNamespace(t, always(mesh)).Adapter()
		calls, sum := 0, uint64(0)
		a.BroadcastWithAck(&parser.Packet{Data: []any{"q"}}, nil,
			func(n uint64) { calls++; sum += n },
			func([]any, error) {})
		if n := a.ServerCount(); int(n) != calls || sum != 0 {
			t.Errorf("counts %v: %d servers, %d calls, sum %d", counts, n, calls, sum)
		}
	}
}

// changing is a mesh without clients whose number of servers changes whenever
// somebody asks.
type changing struct {
	core.Adapter
	asked  atomic.Int32
	counts []int
}

func (c *changing) Close() {}

func (c *changing) ServerCount() int {
	return c.counts[int(c.asked.Add(1)-1)%len(c.counts)]
}

func (c *changing) BroadcastWithAck(context.Context, core.Payload, core.Target, func(core.Payload)) *core.Call[int] {
	return core.CallOf(0, nil)
}

// TestAnswersInOrder: the callbacks of questions that are answered one after the
// other are called in that order.
func TestAnswersInOrder(t *testing.T) { onEachMesh(t, 2, answersInOrder) }

func answersInOrder(t *testing.T, s []*server) {
	c, _ := s[1].client("/")
	answerAll(t, c, `["here"]`)
	_ = s[1].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{args[0]}, nil) })
	for _, server := range s {
		server.Sockets().Adapter().(*adapter).callbacks.Patience = await.Patience
	}
	const n = 100
	for name, ask := range map[string]func(done func()){
		"emitWithAck": func(done func()) {
			s[0].Timeout(await.Patience).EmitWithAck("q")(func([]any, error) { done() })
		},
		"emitWithAck of the client's own server": func(done func()) {
			s[1].Timeout(await.Patience).EmitWithAck("q")(func([]any, error) { done() })
		},
		"serverSideEmit": func(done func()) {
			_ = s[0].ServerSideEmitWithAck("ask", 1)(func([]any, error) { done() })
		},
		"fetchSockets": func(done func()) {
			s[0].FetchSockets()(func([]*socket.RemoteSocket, error) { done() })
		},
	} {
		got := make(chan int, n)
		for i := range n {
			ask(func() { got <- i })
		}
		var order []int
		for range n {
			order = append(order, await.Value(t, got))
		}
		if !slices.IsSorted(order) {
			t.Errorf("%s: answered in the order %v", name, order)
		}
	}
}
