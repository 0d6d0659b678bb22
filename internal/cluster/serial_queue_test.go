package cluster

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/socketmesh/mesh/core"
)

func TestSerialQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		var got []int
		box := newSerialQueue(1<<20, &owner, func(i int) { got = append(got, i) })
		for i := range 1000 {
			if i%100 == 0 {
				synctest.Wait() // let it run dry
			}
			if !box.add(i, 1) {
				t.Fatal("a new queue is dead")
			}
		}
		synctest.Wait()
		if len(got) != 1000 || !slices.IsSorted(got) {
			t.Errorf("got %v", got)
		}
		if box.bytes != 0 || box.held != 0 || cap(box.items) > maxSpare || cap(box.spare) > maxSpare {
			t.Errorf("an idle queue holds %d bytes, %d items, space for %d", box.bytes, box.held, cap(box.items))
		}
		if err := owner.wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// waitingFor adds to a queue whose handler is stuck, and reports who waits for capacity.
func waitingFor(box *serialQueue[int], sizes ...int) (blocked func() int) {
	n := len(sizes)
	for i, size := range sizes {
		box.add(i, size)
		go func() {
			if capacity := box.capacity(); capacity != nil {
				<-capacity
			}
			box.mu.Lock()
			n--
			box.mu.Unlock()
		}()
		synctest.Wait()
	}
	return func() int {
		synctest.Wait()
		box.mu.Lock()
		defer box.mu.Unlock()
		return n
	}
}

func TestSerialQueuePace(t *testing.T) {
	for name, tt := range map[string]struct {
		sizes   []int
		blocked int
		release func(*serialQueue[int])
		left    int
	}{
		"below the limit":         {[]int{40, 60}, 0, nil, 0},
		"one giant":               {[]int{1000}, 0, nil, 0},
		"a giant behind":          {[]int{1, 1000}, 1, nil, 1},
		"above":                   {[]int{50, 50, 50}, 1, nil, 1},
		"freed":                   {[]int{50, 50, 50}, 1, (*serialQueue[int]).release, 0},
		"unbound":                 {[]int{50, 50, 50}, 1, (*serialQueue[int]).unbound, 0},
		"killed":                  {[]int{50, 50, 50}, 1, (*serialQueue[int]).kill, 0},
		"kept":                    {[]int{50, 50, 50}, 1, func(b *serialQueue[int]) { b.keep(true) }, 1},
		"nobody waits for size 0": {[]int{100, 0}, 0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var owner workers
				gate := make(chan struct{})
				box := newSerialQueue(100, &owner, func(int) { <-gate })
				blocked := waitingFor(box, tt.sizes...)
				if n := blocked(); n != tt.blocked {
					t.Errorf("%d blocked, want %d", n, tt.blocked)
				}
				if tt.release != nil {
					tt.release(box)
				}
				if n := blocked(); n != tt.left {
					t.Errorf("%d blocked later, want %d", n, tt.left)
				}
				close(gate)
				if n := blocked(); n != 0 {
					t.Errorf("%d blocked at the end", n)
				}
			})
		})
	}
}

// A queue without a limit has capacity.
func TestSerialQueueUnboundForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		gate := make(chan struct{})
		box := newSerialQueue(100, &owner, func(int) { <-gate })
		box.unbound()
		if n := waitingFor(box, 200, 200, 200)(); n != 0 {
			t.Errorf("%d blocked", n)
		}
		close(gate)
	})
}

func TestSerialQueueDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		gate := make(chan struct{})
		handled, deaths := 0, 0
		box := newSerialQueue(100, &owner, func(int) { <-gate; handled++ })
		box.died = func() { deaths++ }
		box.add(1, 1)
		box.add(2, 1)
		synctest.Wait()
		if !box.keep(false) || !box.add(3, 1) {
			t.Error("died with work to do")
		}
		close(gate)
		synctest.Wait()
		if handled != 3 || deaths != 1 || box.add(4, 1) || box.keep(true) {
			t.Errorf("handled %d, died %d times, lives: %v", handled, deaths, box.keep(true))
		}

		idle := newSerialQueue(100, &owner, func(int) {})
		if !idle.keep(true) || idle.keep(false) || idle.add(1, 1) {
			t.Error("an idle queue that is not kept lives")
		}
	})
}

func TestSerialQueueKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		gate := make(chan struct{})
		handled := 0
		box := newSerialQueue(100, &owner, func(int) { <-gate; handled++ })
		box.add(1, 1)
		synctest.Wait()
		for i := range 10 {
			box.add(i, 1)
		}
		box.kill()
		close(gate)
		synctest.Wait()
		if handled != 1 || box.add(1, 1) {
			t.Errorf("handled %d", handled)
		}
	})
}

// A queue that is killed does not handle the rest of a batch that it has taken.
func TestSerialQueueKilledWithinABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		handled := 0
		var box *serialQueue[int]
		box = newSerialQueue(100, &owner, func(int) { handled++; box.kill() })
		box.mu.Lock()
		box.items = []queued[int]{{1, 1}, {2, 1}, {3, 1}}
		box.mu.Unlock()
		box.add(4, 1)
		synctest.Wait()
		if handled != 1 {
			t.Errorf("handled %d", handled)
		}
	})
}

func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w workers
		if err := w.wait(t.Context()); err != nil {
			t.Errorf("nobody works: %v", err)
		}
		w.enter()
		w.enter()
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		cancel(enough)
		if err := w.wait(ctx); err != enough {
			t.Errorf("somebody works: %v", err)
		}
		waiters := make(chan error, 2)
		for range 2 {
			go func() { waiters <- w.wait(t.Context()) }()
		}
		synctest.Wait()
		w.exit()
		synctest.Wait()
		if len(waiters) > 0 {
			t.Error("wait returned early")
		}
		w.exit()
		if err := errors.Join(<-waiters, <-waiters); err != nil {
			t.Error(err)
		}
	})
}

// The size for which a message counts grows with what it holds.
func TestMessageSize(t *testing.T) {
	base := sizeOf(&core.Message{})
	for name, m := range map[string]*core.Message{
		"payload":    {Payload: core.Payload{Text: make([]byte, 100)}},
		"attachment": {Payload: core.Payload{Attachments: [][]byte{make([]byte, 100)}}},
		"room":       {To: core.Target{Rooms: []string{string(make([]byte, 100))}}},
		"exception":  {To: core.Target{Except: []string{string(make([]byte, 100))}}},
		"join":       {Rooms: []string{string(make([]byte, 100))}},
	} {
		if size := sizeOf(m); size < base+100 || size > base+200 {
			t.Errorf("%s of 100 bytes: %d, empty: %d", name, size, base)
		}
	}
}

// The queues of senders that have gone are freed.
func TestInboxesForgetTheirSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var owner workers
		gate := make(chan struct{})
		var handled atomic.Int32
		in := &inboxes{limit: 1 << 20, owner: &owner, bySender: map[string]*inbox{},
			handle: func(*core.Message) { <-gate; handled.Add(1) }}
		count := func() int { in.mu.Lock(); defer in.mu.Unlock(); return len(in.bySender) }
		in.joined("idle")
		in.joined("busy")
		in.left("never met")
		in.put(&core.Message{From: "busy"})
		in.put(&core.Message{From: "stranger"})
		in.left("idle")
		in.left("busy")
		synctest.Wait()
		if n := count(); n != 2 {
			t.Errorf("%d queues, want those of busy and stranger", n)
		}
		close(gate)
		synctest.Wait()
		if n := count(); n != 0 || handled.Load() != 2 {
			t.Errorf("%d queues left, %d messages handled", n, handled.Load())
		}
		in.joined("a")
		in.close()
		in.joined("b")
		in.put(&core.Message{From: "a"})
		if n := count(); n != 0 {
			t.Errorf("%d queues after close", n)
		}
	})
}
