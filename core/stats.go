package core

import "time"

// Stats is a snapshot of a node: what it has done since it started, and how it is
// linked. It belongs to the caller. The counters in it are read one after the other,
// so that one may already count what another does not yet.
type Stats struct {
	Version    string    // of this module, as it was built: "v1.2.3", or "(devel)" with the commit
	Started    time.Time // when Start was called; zero before
	Namespaces int       // open here
	// Certificate is when the certificate ends that this node shows to its peers; zero
	// if there is none, or if a function of TLS.Config returns it.
	Certificate time.Time
	// Expected are the peers of the last roster, without this node. One that was
	// listed without an id has the id of the node that was met there. Whether there is
	// a link to it, Peers tells.
	Expected []Peer

	Published map[Kind]Traffic // messages, each counted once, however many peers it went to
	Sent      map[Kind]Traffic // copies of them that were written to peers
	Received  map[Kind]Traffic
	Dropped   uint64 // messages that were not sent to a peer
	Ignored   uint64 // messages of peers that were not taken
	Refused   uint64 // connections that did not become links
	Lost      uint64 // messages of peers that never arrived here, and will not
	LostOut   uint64 // messages that never arrived at a peer that was linked before and after, and will not
	Resumed   uint64 // links that took up where an earlier one had broken
	Replayed  uint64 // messages that were sent again then
	Requests  uint64 // requests of this node that have ended
	Failed    uint64 // those that ended incomplete
	SlowRate  uint64 // peers that were cut because they took less than QueueMinRate while more than QueueBytes waited
	SlowFull  uint64 // peers that were cut because more than MaxQueueBytes waited

	MaxQueueBytes int // of the configuration: memory that what waits for one peer may take

	// Counts by reason. Every reason that there is has an entry, 0 where nothing
	// happened for it; the documentation of operations lists them.
	PeerDrops      map[string]uint64 // peers whose last link has ended
	DropReasons    map[string]uint64 // of Dropped
	IgnoreReasons  map[string]uint64 // of Ignored
	RefusalReasons map[string]uint64 // of Refused
	// Forbidden are messages, of Ignored, and questions that the role of their sender does
	// not allow, by role and kind; questions have none, 0. Only what has happened has an entry.
	Forbidden map[Role]map[Kind]uint64
	// RosterRefusals are entries of rosters that were not dialled, counted each time that
	// a roster had them.
	RosterRefusals map[string]uint64

	PublishedSizes Histogram          // of Published, in bytes
	ReceivedSizes  Histogram          // of Received, in bytes
	RequestTimes   map[Kind]Histogram // of Requests, in seconds, by what was asked: KindFetchSockets, KindBroadcast, KindServerSideEmit

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
	Bounds []float64 // of the buckets, ascending: a bucket has the values up to its bound
	Counts []uint64  // of each bucket alone; one more than Bounds, for values above all of them
	Sum    float64   // of all values
}

// PeerStats is a peer with its link, and what waits for it.
type PeerStats struct {
	PeerInfo
	Dialled    bool      // by this node
	LinkSince  time.Time // when the link in use came up, which may be later than the peer did
	Reconnects uint64    // times that this peer was lost and came back, as the same process
	Heard      time.Time // when something was last received

	// RoundTrip is the time that a ping takes to be answered, smoothed, and
	// LastRoundTrip that of the last one. A ping goes before all messages that wait,
	// and is answered in turn: what is under way already counts. Both are 0 before the
	// first answer, and with reference peers, which do not answer.
	RoundTrip     time.Duration
	LastRoundTrip time.Duration

	Sent           Traffic
	Received       Traffic
	QueuedMessages int
	QueuedBytes    int // memory that they take
	UnackedBytes   int // memory of what was written and the peer has not said to have
	// Suspended is since when there is no link; zero while there is one.
	Suspended time.Time
}
