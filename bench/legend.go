package bench

import (
	"fmt"
	"io"
)

// meanings explain columns, by title, in a line each.
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
	"present":      "clients that were there before the newcomers came",
	"present lost": "of those, disconnected or not pinged in time, in all rounds",
	"in":           "newcomers that got in",
	"not in":       "newcomers that did not within the time, in all rounds",
	"in, lost":     "newcomers that were in and then lost, in all rounds",
	"in/s":         "newcomers that got in, per second",
	"wait p50 s":   "from a newcomer's first attempt until it is in: half",
	"wait p99 s":   "99 % of them wait no longer",
	"wait max s":   "none waits longer",
	"refused":      "attempts that the server answered with 503",
	"timed out":    "attempts that nothing came of in 20 s",
	"retries":      "attempts of newcomers after one that failed",
	"rest p99 ms":  "an event and its answer before the storm: 99 %",
	"probe p50 ms": "an event of a present client, and its answer, in the storm",
	"probe p99 ms": "99 % of those take no longer",
	"ping late s":  "the latest ping of a present client, after it was due",
	"server CPU s": "CPU seconds of all servers in the storm",
	"us/in":        "CPU microseconds of servers for each newcomer that is in",
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

// writeLegend explains columns.
func writeLegend(w io.Writer, shown []column) {
	for _, c := range shown {
		fmt.Fprintf(w, "%-12s  %s\n", c.title, meanings[c.title])
	}
	fmt.Fprintln(w)
}
