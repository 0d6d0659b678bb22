package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// withholding is a list with one message for each of these lists of rooms.
func withholding(budget *withheldBudget, rooms ...[]uint32) *withheldList {
	l := &withheldList{base: 100, marked: 100, covered: 100}
	for i, r := range rooms {
		m := &core.Message{Kind: core.KindBroadcast, RequestID: fmt.Sprint(i)}
		l.add(&withheld{message: m, rooms: r, size: 10, budget: budget})
	}
	return l
}

func only(rooms ...uint32) func(uint32) bool {
	return func(h uint32) bool { return slices.Contains(rooms, h) }
}

// A mark covers the messages before it, and no other.
func TestMarksCoverWhatIsBeforeThem(t *testing.T) {
	var budget withheldBudget
	l := withholding(&budget, []uint32{1}, []uint32{2}, []uint32{3}, []uint32{4})
	l.remove(l.head + 1) // it was sent
	for _, step := range []struct {
		number   uint64
		requests []string
		left     int
	}{
		{99, nil, 3},                // of an earlier list
		{102, []string{"0"}, 2},     // the other one was sent
		{101, nil, 2},               // late
		{103, []string{"2"}, 1},     //
		{1 << 50, []string{"3"}, 0}, // more than there is
	} {
		var ids []string
		for _, w := range l.cover(step.number) {
			ids = append(ids, w.message.RequestID)
		}
		if !slices.Equal(ids, step.requests) || l.count != step.left || l.bytes != 10*step.left || budget.bytes.Load() != int64(10*step.left) {
			t.Errorf("covered up to %d: requests %v, left %d messages, %d bytes; want %v, %d", step.number, ids, l.count, l.bytes, step.requests, step.left)
		}
	}
	if l.next() != 104 || len(l.entries) > l.head {
		t.Errorf("next %d, %d entries", l.next(), len(l.entries)-l.head)
	}
}

// What is due for a room is what was withheld for it, and what has to come before that.
func TestWhatIsDue(t *testing.T) {
	l := withholding(new(withheldBudget), []uint32{1}, []uint32{2}, []uint32{2, 3}, []uint32{3}, []uint32{4})
	l.entries[3].message.Kind, l.entries[3].message.Rooms = core.KindSocketsJoin, []string{"four"}
	l.entries[4].rooms = []uint32{hashOf("four")}
	for _, c := range []struct{ wanted, due []uint32 }{
		{[]uint32{9}, nil},
		{[]uint32{1}, []uint32{0}},
		{[]uint32{2}, []uint32{1, 2}},
		{[]uint32{3}, []uint32{1, 2, 3, 4}},
		{[]uint32{hashOf("four")}, []uint32{4}},
	} {
		var due []uint32
		for _, i := range l.due(only(c.wanted...)) {
			due = append(due, uint32(i))
		}
		if !slices.Equal(due, c.due) {
			t.Errorf("for %v: %v are due, want %v", c.wanted, due, c.due)
		}
	}
	if all := l.all(); len(all) != 5 {
		t.Errorf("all are %v", all)
	}
}

// A list that is used for long keeps no more than what is in it.
func TestWithheldListIsCompact(t *testing.T) {
	var budget withheldBudget
	l := &withheldList{}
	for i := range 100_000 {
		l.add(&withheld{message: &core.Message{}, rooms: []uint32{uint32(i)}, size: 1, budget: &budget})
		if i%10 == 9 {
			l.cover(l.next() - 100)
		}
	}
	if len(l.entries) > 1000 || cap(l.entries) > 4000 || l.count > 110 || budget.bytes.Load() != int64(l.count) {
		t.Errorf("%d entries (%d) for %d messages of %d bytes", len(l.entries), cap(l.entries), l.count, budget.bytes.Load())
	}
}

// The answer to a mark comes behind all changes of rooms.
func TestNewsComeBeforeCovered(t *testing.T) {
	ns := watchedNamespace(t)
	p := interestedPeer(ns.node, "p")
	ns.interest.sendSnapshot(p, new(deferred))
	ns.interest.Occupied("room")
	ns.interest.cover(p, 7)
	updates := updatesOf(t, p)
	if len(updates) != 3 {
		t.Fatalf("%d frames: %+v", len(updates), updates)
	}
	if news := updates[1]; !slices.Equal(news.adds, []uint32{hashOf("room")}) {
		t.Errorf("before the answer comes %+v", news)
	}
	if answer := updates[2]; !answer.covered || answer.number != 7 {
		t.Errorf("the answer is %+v", answer)
	}
}

// A peer is owed one answer at a time, whatever it asks, and always the last.
func TestOwedAnswersAreBounded(t *testing.T) {
	var o owedCovers
	p := &peer{}
	if !o.owe(p, 1) || o.owe(p, 2) || o.owe(p, 3) {
		t.Error("another answer is begun while one is owed")
	}
	if last, more := o.answered(p, 1); last != 3 || !more {
		t.Errorf("then %d, %v", last, more)
	}
	if _, more := o.answered(p, 3); more || len(o.byPeer) > 0 {
		t.Error("all are answered, and more is owed")
	}
	o.owe(p, 4)
	o.forget(p)
	if _, more := o.answered(p, 4); more || len(o.byPeer) > 0 {
		t.Error("a peer that has gone is owed something")
	}
}
