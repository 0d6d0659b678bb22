package core

// Stats is a snapshot of what a node has done since it started.
type Stats struct {
	Sent     map[Kind]Traffic
	Received map[Kind]Traffic
	Dropped  uint64 // messages that were not sent to a peer
	Ignored  uint64 // messages of peers that were not taken
	Refused  uint64 // connections that did not become links
	Lost     uint64 // messages known to be lost with a link
	Requests uint64 // requests of this node that have ended
	Failed   uint64 // those that ended incomplete
	SlowRate uint64 // peers that were cut because they took less than QueueMinRate while more than QueueBytes waited
	SlowFull uint64 // peers that were cut because more than MaxQueueBytes waited
	Peers    []PeerStats
}

// Traffic counts messages and their bytes.
type Traffic struct {
	Messages uint64
	Bytes    uint64
}

// PeerStats is a peer, and what waits for it.
type PeerStats struct {
	PeerInfo
	QueuedMessages int
	QueuedBytes    int // memory that they take
}
