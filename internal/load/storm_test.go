package load

import (
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// newSwarm makes a swarm of all clients of a plan, and does not connect it.
func newSwarm(t *testing.T, plan Plan) *Swarm {
	t.Helper()
	plan.Count = plan.Clients
	w, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// handshake is one of a server that pings so often.
func handshake(interval, timeout string) func(int) [][]byte {
	return func(int) [][]byte {
		return [][]byte{serverFrame(wsframe.Text, true, `0{"sid":"engine","pingInterval":`+interval+`,"pingTimeout":`+timeout+`}`)}
	}
}

// TestReturning: clients that are refused come again, more often than others do, and not
// before half a second is over; how long they have waited counts from the beginning.
func TestReturning(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		t.Parallel()
		url := startFake(t, &fake{refuse: func(n int) bool { return n < 3 }})
		w := newSwarm(t, Plan{URLs: []string{url}, Clients: 3, Returning: true, Portable: portable, ConnectTimeout: patience})
		tally, err := w.Connect()
		if err != nil {
			t.Fatal(err)
		}
		if tally.Ready != 3 || tally.Refused != 3 || tally.Retried != 3 || tally.Failed != 0 {
			t.Errorf("%+v", tally)
		}
		if w.waits.Total != 3 || w.waits.Min < returnMin/2 {
			t.Errorf("%d waited, %v at least", w.waits.Total, w.waits.Min)
		}
	})
}

// TestGiveUpConnecting: when the time is over, who is not in has failed, and stays out.
func TestGiveUpConnecting(t *testing.T) {
	bothWires(t, func(t *testing.T, portable bool) {
		t.Parallel()
		silent := func(n int) [][]byte {
			if n == 0 {
				return handshake("1000", "1000")(n)
			}
			return nil
		}
		url := startFake(t, &fake{hello: silent})
		w := newSwarm(t, Plan{URLs: []string{url}, Clients: 3, InFlight: 2, Returning: true, Portable: portable, ConnectTimeout: patience, ConnectWithin: 3 * time.Second})
		tally, err := w.Connect()
		if err != nil || tally.Ready != 1 || tally.Failed != 2 {
			t.Errorf("%v: %+v", err, tally)
		}
	})
}

// TestReturnDelay: it doubles up to five seconds, give or take a half.
func TestReturnDelay(t *testing.T) {
	for failed, middle := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second} {
		low, high := middle/2, min(3*middle/2, returnMax)
		for range 100 {
			if d := returnDelay(failed); d < min(low, returnMax) || d > high {
				t.Errorf("after %d failures %v, want %v to %v", failed+1, d, low, high)
			}
		}
	}
	if d := returnDelay(1 << 20); d != returnMax {
		t.Errorf("after very many %v", d)
	}
}

// TestReturnsInOrder: the earliest comes first, and nobody before the time.
func TestReturnsInOrder(t *testing.T) {
	var r returns
	sessions := make([]session, 4)
	for i, at := range []int64{30, 10, 40, 20} {
		r.add(&sessions[i], at)
	}
	for now, want := range map[int64]*session{9: nil} {
		if s := r.take(now); s != want {
			t.Errorf("at %d one comes that is not due", now)
		}
	}
	for _, i := range []int{1, 3, 0, 2} {
		if s := r.take(40); s != &sessions[i] {
			t.Errorf("session %d is not the next", i)
		}
	}
	if r.take(100) != nil {
		t.Error("there is one more")
	}
}

// TestServerThatDoesNotPing is given up by the clients that mind, after the interval and
// the timeout of its handshake, and by no other.
func TestServerThatDoesNotPing(t *testing.T) {
	t.Parallel()
	url := startFake(t, &fake{hello: handshake("20", "20")})
	patient := connected(t, Plan{URLs: []string{url}, Clients: 1})
	w := connected(t, Plan{URLs: []string{url}, Clients: 2, Heartbeats: true})
	if ok, err := w.wait(patience, func() bool { return w.tally.Closed == 2 }); !ok || err != nil {
		t.Fatalf("nobody gave up: %v", err)
	}
	tally, err := w.Tally()
	if err != nil || tally.Ready != 0 || tally.Reasons[errNoPing.Error()] != 2 {
		t.Errorf("%v: %+v", err, tally)
	}
	if tally, err := patient.Tally(); err != nil || tally.Ready != 1 {
		t.Errorf("%v: %+v", err, tally)
	}
}

// TestAwaitPings: it waits for the pings that are due, and how late they were is recorded.
func TestAwaitPings(t *testing.T) {
	t.Parallel()
	f := &fake{hello: handshake("1", "600000")}
	w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 3, Heartbeats: true})
	if _, err := w.Begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.wait(patience, func() bool { // all are due
		return w.sessions[0].heard+w.sessions[1].heard+w.sessions[2].heard < 3*(w.now-int64(2*time.Millisecond))
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.AwaitPings() }()
	for waiting := 0; waiting == 0; {
		if len(done) > 0 {
			t.Fatal("it has not waited")
		}
		if err := w.call(func() { waiting = len(w.waiters) }); err != nil {
			t.Fatal(err)
		}
	}
	f.ping()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := w.End(); err != nil {
		t.Fatal(err)
	}
	r, err := w.Drain(nil, time.Second)
	if err != nil || r.PingLate.Total != 3 || r.PingLate.Max <= 0 {
		t.Errorf("%v: %+v", err, r.PingLate)
	}
}

// TestReasonsAreBounded: a server that says something else each time fills no memory.
func TestReasonsAreBounded(t *testing.T) {
	var tally Tally
	for i := range 3 * maxReasons {
		tally.noteReason(errorText(strings.Repeat("x", i)))
	}
	if len(tally.Reasons) != maxReasons+1 || tally.Reasons["other reasons"] != 2*maxReasons {
		t.Errorf("%d reasons: %v", len(tally.Reasons), tally.Reasons)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

// TestStopAsking ends a long Ask.
func TestStopAsking(t *testing.T) {
	t.Parallel()
	w := connected(t, Plan{URLs: []string{startFake(t, &fake{})}, Clients: 2})
	type result struct {
		Answers
		err error
	}
	done := make(chan result, 1)
	go func() {
		a, err := w.Ask(Question{Rate: 1000, For: time.Hour})
		done <- result{a, err}
	}()
	if ok, err := w.wait(patience, func() bool { return w.prober.answers.Latency.Total > 3 }); !ok || err != nil {
		t.Fatalf("no answers: %v", err)
	}
	if err := w.StopAsking(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.err != nil || r.Missing != 0 || r.Latency.Total <= 3 {
		t.Errorf("%+v", r)
	}
}
