package metrics

import (
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

// Source is a running node. *mesh.Mesh is one. All methods are safe for concurrent use.
type Source interface {
	Stats() core.Stats
}

// Optional methods of a Source. Without one, its metrics are missing.
type (
	clientSource interface{ ClientStats() socketio.ClientStats }
	rosterSource interface{ Roster() core.RosterStatus }
)

// maxPeers limits the peers that have series of their own. The totals include all peers.
const maxPeers = 1000

// collector makes metrics from snapshots.
type collector struct{ source Source }

// NewCollector returns the collector of a node. It may be registered before the node is
// started, and used by concurrent scrapes.
func NewCollector(source Source) prometheus.Collector { return collector{source} }

// Describe implements [prometheus.Collector].
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range nodeDescs {
		descs <- d.Desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(to chan<- prometheus.Metric) {
	out := output(to)
	stats := c.source.Stats()
	put(out, buildInfo, 1, stats.Version, runtime.Version())
	out.links(&stats)
	out.messages(&stats)
	for i := range stats.Peers[:min(len(stats.Peers), maxPeers)] {
		out.peer(&stats.Peers[i])
	}
	if source, ok := c.source.(rosterSource); ok {
		out.roster(source.Roster())
	}
	if source, ok := c.source.(clientSource); ok {
		clients := source.ClientStats()
		out.clients(&clients)
	}
}

func (out output) roster(status core.RosterStatus) {
	put(out, rosterHeard, number(status.Heard))
	for _, e := range status.Endpoints {
		name := label(e.Name)
		put(out, endpointUp, number(e.Heard), name)
		put(out, endpointServers, e.Peers, name)
		if !e.Since.IsZero() {
			out.time(endpointSince, e.Since, name)
		}
	}
}

// number returns 1 for true, 0 for false.
func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (out output) links(stats *core.Stats) {
	put(out, peersConnected, len(stats.Peers))
	put(out, peersExpected, len(stats.Expected))
	out.byReason(peerDrops, stats.PeerDrops)
	out.byReason(connectionsRefused, stats.RefusalReasons)
	out.byReason(rosterRefused, stats.RosterRefusals)
	put(out, namespacesOpen, stats.Namespaces)
	if !stats.Certificate.IsZero() {
		out.time(certificateExpiry, stats.Certificate)
	}
	put(out, queueLimit, stats.MaxQueueBytes)
}

func (out output) messages(stats *core.Stats) {
	for _, kind := range kinds {
		put(out, messagesSent, stats.Published[kind].Messages, typeOf(kind))
		put(out, messagesReceived, stats.Received[kind].Messages, typeOf(kind))
	}
	if unknown := stats.Received[0].Messages; unknown > 0 {
		put(out, messagesReceived, unknown, "unknown")
	}
	out.histogram(messageBytes, stats.PublishedSizes, "sent")
	out.histogram(messageBytes, stats.ReceivedSizes, "received")
	for kind, name := range requestKinds {
		out.histogram(requestDuration, stats.RequestTimes[kind], name)
	}
	put(out, requestsIncomplete, stats.Failed)
	out.byReason(messagesDropped, stats.DropReasons)
	out.byReason(messagesIgnored, stats.IgnoreReasons)
	put(out, messagesLost, stats.Lost)
	put(out, messagesLostOut, stats.LostOut)
	put(out, linksResumed, stats.Resumed)
	put(out, messagesReplayed, stats.Replayed)
	put(out, peersSuspended, len(stats.Suspended))
}

func (out output) peer(p *core.PeerStats) {
	id := label(p.ID)
	put(out, peerInfo, 1, id, label(p.Address), label(p.Codec), strconv.Itoa(p.Version), strconv.FormatBool(p.Reference))
	put(out, peerSentMessages, p.Sent.Messages, id)
	put(out, peerSentBytes, p.Sent.Bytes, id)
	put(out, peerReceivedMessages, p.Received.Messages, id)
	put(out, peerReceivedBytes, p.Received.Bytes, id)
	put(out, peerQueueMessages, p.QueuedMessages, id)
	put(out, peerQueueBytes, p.QueuedBytes, id)
	put(out, peerUnackedBytes, p.UnackedBytes, id)
	put(out, peerReconnects, p.Reconnects, id)
	out.time(peerLinkStart, p.LinkSince, id)
	if p.LastRoundTrip > 0 {
		put(out, peerRoundTrip, p.RoundTrip.Seconds(), id)
		put(out, peerLastRoundTrip, p.LastRoundTrip.Seconds(), id)
	}
}

func (out output) clients(s *socketio.ClientStats) {
	put(out, ioClients, s.Sockets)
	put(out, roomsOccupied, s.Rooms)
	put(out, clientsConnected, s.WebSocket, "websocket")
	put(out, clientsConnected, s.Polling, "polling")
	put(out, clientsConnected, s.OtherTransports, "other")
	put(out, clientConnections, s.Connections)
	put(out, clientDisconnections, s.Disconnections)
	put(out, clientPackets, s.PacketsIn)
	put(out, clientFrames, s.Frames)
	put(out, clientBytes, s.Bytes)
	put(out, clientQueueBytes, s.Queued)
	put(out, clientQueueLimit, s.QueuedLimit)
	put(out, clientsCut, s.SlowRate, "rate")
	put(out, clientsCut, s.SlowFull, "full")
	put(out, clientsCut, s.SlowTimeout, "timeout")
	put(out, clientsCut, s.SlowMemory, "memory")
	put(out, clientDropped, s.Dropped)
	put(out, clientBlocked, s.Blocked)
	put(out, clientsHeld, s.Held)
	put(out, clientHolds, s.Holds)
	put(out, clientsConnecting, s.Connecting)
	put(out, clientsWaiting, s.Waiting)
	put(out, clientWaits, s.Waits)
	put(out, clientWaitTime, s.Waited.Seconds())
	put(out, clientsRefused, s.Refused)
}

// output receives the metrics of one scrape.
type output chan<- prometheus.Metric

// put sends one value. Labels have to be valid UTF-8, see [label].
func put[T int | int64 | uint64 | float64](out output, d *desc, value T, labels ...string) {
	out <- prometheus.MustNewConstMetric(d.Desc, d.kind, float64(value), labels...)
}

// time sends a time in seconds since 1970; 0 for the zero time.
func (out output) time(d *desc, at time.Time, labels ...string) {
	seconds := 0.0
	if !at.IsZero() {
		seconds = float64(at.UnixMilli()) / 1000
	}
	put(out, d, seconds, labels...)
}

func (out output) byReason(d *desc, counts map[string]uint64) {
	for reason, n := range counts {
		put(out, d, n, reason)
	}
}

// histogram sends a histogram; in Prometheus each bucket includes the smaller ones.
func (out output) histogram(d *desc, h core.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(h.Bounds))
	total := uint64(0)
	for i, n := range h.Counts {
		total += n
		if i < len(h.Bounds) {
			buckets[h.Bounds[i]] = total
		}
	}
	out <- prometheus.MustNewConstHistogram(d.Desc, total, h.Sum, buckets, labels...)
}

// kinds are the kinds of messages that can be sent.
var kinds = []core.Kind{
	core.KindInitialHeartbeat, core.KindHeartbeat, core.KindBroadcast, core.KindSocketsJoin, core.KindSocketsLeave,
	core.KindDisconnectSockets, core.KindFetchSockets, core.KindFetchSocketsResponse, core.KindServerSideEmit,
	core.KindServerSideEmitResponse, core.KindBroadcastClientCount, core.KindBroadcastAck, core.KindAdapterClose,
	core.KindSocketsLeaveAll, core.KindInterest,
}

// typeOf returns the reference's name for a kind.
func typeOf(kind core.Kind) string { return strings.ReplaceAll(kind.String(), "-", "_") }

// requestKinds are the reference's names for requests.
var requestKinds = map[core.Kind]string{
	core.KindFetchSockets:   "fetchSockets",
	core.KindBroadcast:      "broadcastWithAck",
	core.KindServerSideEmit: "serverSideEmit",
}

// label returns what a peer reports about itself as the value of a label. Bytes that are
// not UTF-8 are escaped, so that two different texts stay different.
func label(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strconv.QuoteToASCII(text)
}
