package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// testFrame returns a frame that takes size bytes of memory.
func testFrame(size int, volatile bool) *frame {
	f := &frame{bytes: make([]byte, size-frameSize), kind: core.KindBroadcast, volatile: volatile}
	f.refs.Store(1)
	return f
}

// testQueue returns a queue with bounds of 1,000 and 2,000 bytes, and of 10 messages.
func testQueue() queue {
	return newQueue(backlog.Limits{Soft: 1000, Hard: 2000, Rate: 100, Grace: 10 * time.Second}, 10)
}

// want pushes f, and checks the result.
func (q *queue) want(t *testing.T, what string, f *frame, want pushed) (lost []*frame) {
	t.Helper()
	got, lost := q.push(f)
	if got != want {
		t.Fatalf("%s: %d, not %d", what, got, want)
	}
	return lost
}

func TestQueueDropsVolatileFirst(t *testing.T) {
	q := testQueue()
	volatile, solid := testFrame(400, true), testFrame(400, false)
	q.want(t, "volatile", volatile, queued)
	q.want(t, "solid", solid, queued)
	q.want(t, "volatile over the bound", testFrame(300, true), dropped)
	lost := q.want(t, "solid over the bound", testFrame(500, false), queued)
	if len(lost) != 1 || lost[0] != volatile {
		t.Fatalf("lost %v, not the volatile one", lost)
	}
	if q.bytes != 900 || q.waiting != 2 || q.volatile != 0 {
		t.Fatalf("%d bytes, %d messages, %d volatile", q.bytes, q.waiting, q.volatile)
	}
	if volatile.refs.Load() != 2 {
		t.Fatalf("who drops a frame releases it: %d", volatile.refs.Load())
	}
	q.want(t, "solid", testFrame(500, false), queued)
	q.want(t, "solid up to the hard bound", testFrame(600, false), queued)
	q.want(t, "solid over the hard bound", testFrame(101, false), full)
}

func TestQueueDropsVolatileByNumber(t *testing.T) {
	q := testQueue()
	for range 10 {
		q.want(t, "a small one", testFrame(frameSize, true), queued)
	}
	q.want(t, "volatile over the bound", testFrame(frameSize, true), dropped)
	if lost := q.want(t, "solid over the bound", testFrame(frameSize, false), queued); len(lost) != 10 {
		t.Fatalf("lost %d", len(lost))
	}
}

// TestQueueTakesOneMessageAboveItsBound: a peer is not cut because of one message above the bound,
// wherever in the queue it is.
func TestQueueTakesOneMessageAboveItsBound(t *testing.T) {
	q := testQueue()
	q.want(t, "a small one", testFrame(500, false), queued)
	q.want(t, "a giant", testFrame(10_000, false), queued)
	q.want(t, "more behind it", testFrame(1000, false), queued)
	q.want(t, "up to the bound", testFrame(500, false), queued)
	q.want(t, "over it", testFrame(frameSize, false), full)
	batch := q.take(0, nil)
	q.sent(0, batch, nil)
	if q.giant != nil || q.bytes != 0 {
		t.Fatalf("a giant is left when all is sent, and %d bytes", q.bytes)
	}
}

func TestQueueKeepsRoomWhileWriting(t *testing.T) {
	q := testQueue()
	q.want(t, "the first", testFrame(900, false), queued)
	q.want(t, "the second", testFrame(900, false), queued)
	batch := q.take(0, nil)
	q.want(t, "while both are being written", testFrame(201, false), full)
	q.sent(0, batch, nil)
	q.want(t, "when they are written", testFrame(201, false), queued)
}

// TestQueueTooSlow: while more waits than the lower bound, the peer has to take
// messages at the rate.
func TestQueueTooSlow(t *testing.T) {
	for name, over := range map[string]func(q *queue){
		"bytes": func(q *queue) { q.push(testFrame(1500, false)) },
		"messages": func(q *queue) {
			for range 11 {
				q.push(testFrame(frameSize, false))
			}
			q.bytes = 500
		},
	} {
		q := testQueue()
		over(&q)
		now := time.Now()
		if q.tooSlow(now) || q.tooSlow(now.Add(9*time.Second)) {
			t.Errorf("%s: too slow too soon", name)
		}
		if !q.tooSlow(now.Add(10 * time.Second)) {
			t.Errorf("%s: not too slow", name)
		}
	}
	q := testQueue()
	q.push(testFrame(1500, false))
	now := time.Now()
	q.tooSlow(now)
	q.progress.Took(1000)
	if q.tooSlow(now.Add(10 * time.Second)) {
		t.Error("too slow at the rate")
	}
	batch := q.take(0, nil) // 1,500 bytes, of which nobody can tell how many are written
	if q.tooSlow(now.Add(24*time.Second)) || !q.tooSlow(now.Add(25*time.Second)) {
		t.Error("a large piece does not get the time it needs")
	}
	q.sent(0, batch, nil)
	if q.tooSlow(now.Add(time.Hour)) {
		t.Error("too slow with nothing to take")
	}
}

// TestFrameSizes: a message gets a buffer of a fitting size; a small one does not keep
// the buffer of a large one.
func TestFrameSizes(t *testing.T) {
	for _, test := range []struct{ bytes, size int }{
		{0, 0}, {1, 0}, {512, 0}, {513, 1}, {1024, 1}, {1025, 2}, {1 << 20, 11}, {1<<20 + 1, 11}, {1 << 30, 11},
	} {
		if got := frameSizeFor(test.bytes); got != test.size {
			t.Errorf("%d bytes: size %d, not %d", test.bytes, got, test.size)
		}
		if f := takeFrame(test.bytes); cap(f.bytes) < min(test.bytes, 1<<20) {
			t.Errorf("%d bytes: a buffer of %d", test.bytes, cap(f.bytes))
		}
	}
	for _, test := range []struct{ bytes, size int }{
		{511, -1}, {512, 0}, {1023, 0}, {1024, 1}, {1 << 20, 11}, {1<<21 - 1, 11}, {1 << 21, 12},
	} {
		if got := frameSizeOf(test.bytes); got != test.size {
			t.Errorf("a buffer of %d: size %d, not %d", test.bytes, got, test.size)
		}
	}
}

func TestQueueOrderOverManyBatches(t *testing.T) {
	q := newQueue(backlog.Limits{Soft: 1 << 30, Hard: 1 << 30}, 1<<20)
	const n = 10 * batchMessages
	for i := range n {
		f := testFrame(2+frameSize, false)
		f.bytes[0], f.bytes[1] = byte(i>>8), byte(i)
		q.push(f)
	}
	next := 0
	for q.waiting > 0 {
		batch := q.take(0, nil)
		for _, f := range batch {
			if !bytes.Equal(f.bytes, []byte{byte(next >> 8), byte(next)}) {
				t.Fatalf("at %d: %v", next, f.bytes)
			}
			next++
		}
		q.sent(0, batch, nil)
	}
	if next != n || q.bytes != 0 || q.writing != 0 {
		t.Fatalf("took %d of %d, %d bytes and %d messages left", next, n, q.bytes, q.writing)
	}
}
