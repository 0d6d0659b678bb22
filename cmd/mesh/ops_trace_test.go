package main

import (
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// TestTraceText: what trace prints of a message, by what has become of it on each server.
func TestTraceText(t *testing.T) {
	took := func(us float64) *float64 { return &us }
	var out strings.Builder
	text := traceText{out: &out}
	at := time.Date(2026, 5, 1, 17, 48, 3, 154189000, time.Local)
	err := text.message(&ops.TraceMessage{
		Time: at, From: "a", Kind: "broadcast", Namespace: "/", Rooms: []string{"tea", "\x1b[2J"}, RoomCount: 5, Event: "news", Bytes: 16, MoreHops: 3,
		Hops: []ops.TraceHop{
			{To: "b", State: ops.HopHandled, Codec: "json", Bytes: 102, Queue: took(882), Hop: took(1481), Accuracy: 148, Handle: took(79)},
			{To: "c", State: ops.HopSent, Codec: "json", Bytes: 102, Withheld: took(21_400), Queue: took(12)},
			{To: "d", State: ops.HopLeftOut, Withheld: took(10_200)},
			{To: "e", State: ops.HopWithheld},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `17:48:03.154189 a broadcast / "news" to ["tea" "\x1b[2J"] and 3 more 16 B
  -> b                handled  json 102 B queue 882 us hop 1.48 ms ±148 us handle 79 us
  -> c                sent     json 102 B withheld 21.4 ms queue 12 us
  -> d                left-out withheld 10.2 ms
  -> e                withheld
  and 3 more servers
`
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		got.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
