package bench

import (
	"fmt"
	"io"
)

// meanings say what columns are, by title, in a line each.
var meanings = map[string]string{
	"msg/s":        "messages per second (throughput: delivered; latency: published)",
	"deliveries/s": "copies of messages that clients got, per second",
	"p50 ms":       "time from a message to a delivery: half take no longer",
	"p90 ms":       "90 % take no longer",
	"p99 ms":       "99 % take no longer",
	"p99.9 ms":     "99.9 % take no longer",
	"server s/M":   "CPU seconds of all servers for a million deliveries",
	"broker s/M":   "the same of Redis, which is not in the servers'",
	"client s/M":   "the same of the clients, which share the machine",
	"mesh msg":     "messages that servers sent to each other, for each published",
	"mesh B":       "bytes that servers sent to each other, for each published",
	"fetch p50 ms": "time of a fetchSockets: half take no longer",
	"server us":    "CPU microseconds of all servers for a request",
	"wrong":        "requests with a wrong number of sockets",
	"KB/conn":      "memory of servers for a connection, in 1,000 bytes",
	"servers MB":   "resident memory of all servers",
	"conn/s":       "connections made per second",
	"us/conn":      "CPU microseconds of servers to make a connection",
	"ping p50 ms":  "an event and its answer while all others are idle",
	"ping p99 ms":  "99 % of those take no longer",
	"last ms":      "from a broadcast to its last delivery",
	"idle CPU":     "processors in use while connections are held",
	"trip p50 us":  "a message there and back on an idle link",
	"trip p99 us":  "99 % of those take no longer",
	"100 B msg/s":  "messages of 100 bytes per second",
	"100 B MB/s":   "what they come to",
	"4096 B msg/s": "messages of 4,096 bytes per second",
	"4096 B MB/s":  "what they come to",
	"clients":      "that were connected",
	"lost":         "deliveries that did not come, in all rounds",
	"dup":          "deliveries that came twice, in all rounds",
	"order":        "deliveries that came after later ones, in all rounds",
	"stalled":      "connections without an answer for 10 s, begun again",
	"failed":       "clients that gave up or were disconnected",
}

// writeLegend says what columns are.
func writeLegend(w io.Writer, shown []column) {
	for _, c := range shown {
		fmt.Fprintf(w, "%-12s  %s\n", c.title, meanings[c.title])
	}
	fmt.Fprintln(w)
}
