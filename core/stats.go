package core

import "time"

// Stats is a snapshot of a node: what it has done since it started, and its links. It
// belongs to the caller. The counters are read one after the other, so that one may
// include an event that another one does not include yet.
type Stats struct {
	Version    string    // of this module: "v1.2.3", or "(devel)" with the commit
	Started    time.Time // when Start was called; zero before
	Namespaces int       // number of open namespaces
	// Certificate is when the certificate that this node shows to its peers expires; zero
	// if there is none, or if a function of TLS.Config returns it.
	Certificate time.Time
	// Expected are the servers of the last roster, without this node. A server that was
	// listed without an id has the id of the node that was met at its address. They may
	// have a link or not: see Peers.
	Expected []Peer

	Published map[Kind]Traffic // messages, each counted once, no matter how many peers get it
	Sent      map[Kind]Traffic // messages written to peers, each counted once per peer
	Received  map[Kind]Traffic
	Dropped   uint64 // messages that were not sent to a peer
	Ignored   uint64 // messages of peers that this node did not act upon
	Refused   uint64 // connections that did not become links
	Lost      uint64 // messages of peers that did not arrive here, and never will
	LostOut   uint64 // messages that did not arrive at a peer, and never will; counted when the peer is linked again
	Resumed   uint64 // sessions that continued on another link
	Replayed  uint64 // messages that were sent again because of that
	Requests  uint64 // requests of this node that have ended
	Failed    uint64 // those that ended incomplete
	SlowRate  uint64 // peers that were cut because they took less than QueueMinRate while their queue was above QueueBytes
	SlowFull  uint64 // peers that were cut because their queue was above MaxQueueBytes

	MaxQueueBytes int // from the configuration: the most memory that a peer's queue may take

	// Counts by reason. Every reason has an entry, which may be 0; the documentation of
	// operations lists the reasons.
	PeerDrops      map[string]uint64 // of peers whose last link has ended
	DropReasons    map[string]uint64 // of Dropped
	IgnoreReasons  map[string]uint64 // of Ignored
	RefusalReasons map[string]uint64 // of Refused
	// Forbidden counts messages (also counted in Ignored) and questions that the role of
	// their sender does not allow, by role and kind; the kind of questions is 0. It has
	// no entries for counts of 0.
	Forbidden map[Role]map[Kind]uint64
	// RosterRefusals counts roster entries that were not dialled, once for each roster
	// that contained them.
	RosterRefusals map[string]uint64

	PublishedSizes Histogram          // of Published, in bytes
	ReceivedSizes  Histogram          // of Received, in bytes
	RequestTimes   map[Kind]Histogram // of Requests, in seconds, by the request's kind: KindFetchSockets, KindBroadcast, KindServerSideEmit

	Peers     []PeerStats // those with a link, by id
	Suspended []PeerStats // those without a link that may still resume, by id
}

// Traffic counts messages and their bytes.
type Traffic struct {
	Messages uint64
	Bytes    uint64
}

// Histogram counts values in buckets.
type Histogram struct {
	Bounds []float64 // of the buckets, ascending: a bucket counts the values up to its bound
	Counts []uint64  // of each bucket alone; one more than Bounds, for values above all bounds
	Sum    float64   // of all values
}

// PeerStats describes a peer with its link and its queue.
type PeerStats struct {
	PeerInfo
	Dialled    bool      // this node dialled the link
	LinkSince  time.Time // when the current link came up; the peer may have been up before, on another link
	Reconnects uint64    // number of times that this peer was lost and came back as the same process
	Heard      time.Time // when something was last received

	// RoundTrip is the smoothed time until a ping is answered, and LastRoundTrip that of
	// the last ping. A ping goes before all messages that wait, but behind those that are
	// being sent, and the same holds for its answer. Both are 0 before the first answer,
	// and for reference peers, which do not answer.
	RoundTrip     time.Duration
	LastRoundTrip time.Duration

	Sent           Traffic
	Received       Traffic
	QueuedMessages int
	QueuedBytes    int // memory of these messages
	UnackedBytes   int // memory of the messages that were written and that the peer has not acknowledged
	// Suspended is since when the peer has no link; zero while it has one.
	Suspended time.Time
}
