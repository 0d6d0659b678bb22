package core

import (
	"bytes"
	"testing"
)

func testFrame(size int, volatile bool) *frame {
	f := &frame{bytes: make([]byte, size), kind: KindBroadcast, volatile: volatile}
	f.refs.Store(1)
	return f
}

func TestQueueDropsVolatileFirst(t *testing.T) {
	q := newQueue(100, 10)
	var dropped []*frame
	drop := func(f *frame) { dropped = append(dropped, f) }
	volatile, solid := testFrame(40, true), testFrame(40, false)
	q.push(volatile, drop)
	q.push(solid, drop)
	if late := testFrame(30, true); !q.push(late, drop) || len(dropped) != 1 || dropped[0] != late {
		t.Fatalf("a volatile frame without room: dropped %v", dropped)
	}
	if more := testFrame(50, false); !q.push(more, drop) || len(dropped) != 2 || dropped[1] != volatile {
		t.Fatalf("room was not made by dropping the volatile frame: %v", dropped)
	}
	if q.push(testFrame(50, false), drop) {
		t.Fatal("took more than the bound")
	}
	if q.bytes != 90 || q.waiting != 2 {
		t.Fatalf("bytes %d, len %d", q.bytes, q.waiting)
	}
	if volatile.refs.Load() != 1 {
		t.Fatalf("a dropped frame is still held: %d", volatile.refs.Load())
	}
}

func TestQueueTakesAGiantAlone(t *testing.T) {
	q := newQueue(100, 10)
	drop := func(*frame) { t.Fatal("dropped") }
	if !q.push(testFrame(1000, false), drop) {
		t.Fatal("a frame above the bound was refused by an empty queue")
	}
	if q.push(testFrame(1, false), drop) {
		t.Fatal("took more behind a giant")
	}
}

func TestQueueKeepsRoomWhileWriting(t *testing.T) {
	q := newQueue(100, 2)
	drop := func(*frame) {}
	q.push(testFrame(60, false), drop)
	batch := q.take(0, nil)
	if q.push(testFrame(60, false), drop) {
		t.Fatal("bytes being written are not counted")
	}
	q.sent(batch)
	if !q.push(testFrame(60, false), drop) {
		t.Fatal("room was not given back")
	}
}

func TestQueueOrderOverManyBatches(t *testing.T) {
	q := newQueue(1<<20, 1<<20)
	const n = 10 * batchMessages
	for i := range n {
		f := testFrame(2, false)
		f.bytes[0], f.bytes[1] = byte(i>>8), byte(i)
		q.push(f, nil)
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
		q.sent(batch)
	}
	if next != n || q.bytes != 0 || q.writing != 0 {
		t.Fatalf("took %d of %d, %d bytes and %d messages left", next, n, q.bytes, q.writing)
	}
}
