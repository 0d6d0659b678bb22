package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// In every namespace the messages of a node arrive in order, all of them, while
// others send too and in other namespaces.
func TestOrder(t *testing.T) {
	onEveryStack(t, func(w *world) {
		const namespaces, each = 4, 1250 // by two senders: 10,000 messages
		members := []*member{w.start("a"), w.start("b"), w.start("c")}
		type room struct {
			*coretest.TestServer
			check *coretest.SequenceCheck
		}
		rooms := map[string][]room{} // by namespace
		for i := range namespaces {
			name := fmt.Sprint("/", i)
			for _, m := range members {
				server, err := coretest.NewTestServer(m.node, name)
				if err != nil {
					w.Fatal(err)
				}
				r := room{server, &coretest.SequenceCheck{}}
				server.Host.Before(keep(r.check))
				rooms[name] = append(rooms[name], r)
			}
		}
		w.meet(members)
		var senders sync.WaitGroup
		for _, in := range rooms {
			for _, r := range in[:2] {
				senders.Go(func() {
					for n := range each {
						r.Broadcast(coretest.Numbered(r.ID, n, n%100), core.Target{})
					}
				})
			}
		}
		senders.Wait()
		for name, in := range rooms {
			for _, r := range in {
				for _, sender := range in[:2] {
					w.eventually(func() error {
						if first, last := r.check.Got(sender.ID); first != 0 || last != each-1 {
							return fmt.Errorf("%s has heard %d to %d of %s in %s", r.ID, first, last, sender.ID, name)
						}
						return nil
					})
				}
				if err := r.check.Err(); err != nil {
					w.Errorf("%s in %s: %v", r.ID, name, err)
				}
			}
		}
	})
}

// Payloads arrive as they were, whatever their size, with what is sent before and
// behind them; and so do answers.
func TestPayloads(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		w.meet([]*member{a, b, c})
		megabyte := pattern(1 << 20)
		events := []core.Payload{
			coretest.Event("small", 1, "é \u2028 <&> \"\\", nil, true, 1.5, map[string]any{"k": []any{1, "2"}}),
			coretest.Event("text", strings.Repeat("0123456789abcdef", 1<<16)),
			coretest.Event("bytes", megabyte),
			coretest.Event("several", []byte{1}, "between", []byte{}, megabyte[:1000], 7),
			coretest.Event("large", pattern(4<<20), strings.Repeat("y", 1<<20)),
			coretest.Event("last"),
		}
		for _, event := range events {
			a.Broadcast(event, core.Target{Rooms: []string{"odd"}})
			a.say(0)
		}
		for _, m := range []*member{a, b, c} {
			w.complete(m, "a", 1, int64(len(events)))
			got := m.Clients[1].Events()
			for i, event := range events {
				w.wantPayload(m.ID, got[2*i], event)
			}
		}

		answer := coretest.Value(map[string]any{"text": strings.Repeat("z", 1<<20)})
		b.Clients[0].AnswerWith(answer)
		var answers []core.Payload
		n, err := a.BroadcastWithAck(w.Context(), events[2], core.Target{Rooms: []string{"b0"}}, func(p core.Payload) {
			answers = append(answers, p)
		}).Wait()
		w.want("asked", fmt.Sprint(n, err, len(answers)), "1 <nil> 1")
		w.wantPayload("the answer", answers[0], answer)
	})
}

// pattern is so many bytes that do not repeat soon.
func pattern(size int) []byte {
	b := make([]byte, size)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// wantPayload compares what was got with what was sent, as clients see it.
func (w *world) wantPayload(who string, got, want core.Payload) {
	w.Helper()
	same := bytes.Equal(got.Text, want.Text) || sameJSON(got.Text, want.Text)
	if !same || !slices.EqualFunc(got.Attachments, want.Attachments, bytes.Equal) {
		w.Errorf("%s: got %.100s with %d attachments, want %.100s with %d", who, got.Text, len(got.Attachments), want.Text, len(want.Attachments))
	}
}

// sameJSON tells whether two texts mean the same. A codec may write it anew.
func sameJSON(a, b []byte) bool {
	var left, right any
	err := errors.Join(json.Unmarshal(a, &left), json.Unmarshal(b, &right))
	return err == nil && reflect.DeepEqual(left, right)
}

// A node that leaves while everybody talks has said all it was asked to say
// before, and the others miss nothing of each other.
func TestShutdownUnderTraffic(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		w.meet([]*member{a, b, c})
		stopA, stopB, stopC := w.chat(a), w.chat(b), w.chat(c)
		w.heard(a, "b", 20)
		for range 2000 {
			b.say(1000)
		}
		said := b.sent.Load()
		if err := b.stop(); err != nil {
			w.Errorf("shutdown: %v", err)
		}
		stopB()
		w.meet([]*member{a, c})
		d := w.start("d")
		w.meet([]*member{a, c, d})
		d.say(0)
		stopA()
		stopC()
		for _, m := range []*member{a, c} {
			w.heard(m, "b", said)
			w.complete(m, "a", 1, a.sent.Load())
			w.complete(m, "c", 1, c.sent.Load())
			w.complete(m, "d", 1, 1)
			w.want("gaps", fmt.Sprint(m.Gaps()), "[]")
		}
	})
}
