package load

import (
	"testing"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// BenchmarkDeliver is what a client costs for each message that it is delivered,
// when many come at once.
func BenchmarkDeliver(b *testing.B) {
	const messages = 500
	w := &Swarm{
		plan:     Plan{Clients: 1, Count: 1, Publishers: 1}.withDefaults(),
		clock:    newClock(),
		wire:     noWire{},
		sessions: make([]session, 1),
		members:  []int32{1},
	}
	s := &w.sessions[0]
	s.phase = ready
	w.marks.measuring = true
	var data []byte
	fill := func(from uint32) {
		data = data[:0]
		for i := range uint32(messages) {
			payload := make([]byte, w.plan.Size)
			stamp{seq: from + i}.put(payload)
			data = append(data, serverFrame(wsframe.Text, true, opened+string(payload)+`"]`)...)
		}
	}
	fill(0)
	b.SetBytes(int64(len(data) / messages))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%messages == 0 {
			s.checks = s.checks[:0] // the same messages again
			if used := w.received(s, data); used != len(data) {
				b.Fatalf("%d used of %d", used, len(data))
			}
		}
	}
	if w.tally.Late+w.tally.Duplicates+w.tally.Strange > 0 {
		b.Errorf("%+v", w.tally)
	}
}
