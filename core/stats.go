package core

import (
	"sync/atomic"

	"github.com/socketmesh/mesh/internal/backlog"
)

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

// stats counts, and tells the observer.
type stats struct {
	observer Observer

	out, in                                        [len(kindNames)]traffic
	drops, ignores, refusals, lost, requests, fail atomic.Uint64
	cut                                            [backlog.Reasons]atomic.Uint64
}

type traffic struct{ messages, bytes atomic.Uint64 }

func (t *traffic) add(bytes int) {
	t.messages.Add(1)
	t.bytes.Add(uint64(bytes))
}

func (s *stats) peerUp(p *peer) {
	if s.observer != nil {
		s.observer.PeerUp(p.info())
	}
}

func (s *stats) peerDown(p *peer, why error) {
	if s.observer != nil {
		s.observer.PeerDown(p.info(), why)
	}
}

func (s *stats) sent(peer string, kind Kind, bytes int) {
	s.out[kind].add(bytes)
	if s.observer != nil {
		s.observer.Sent(peer, kind, bytes)
	}
}

func (s *stats) received(peer string, kind Kind, bytes int) {
	if int(kind) >= len(kindNames) {
		kind = 0
	}
	s.in[kind].add(bytes)
	if s.observer != nil {
		s.observer.Received(peer, kind, bytes)
	}
}

func (s *stats) dropped(peer string, kind Kind, why error) {
	s.drops.Add(1)
	if s.observer != nil {
		s.observer.Dropped(peer, kind, why)
	}
}

func (s *stats) ignored(peer string, kind Kind, why error) {
	s.ignores.Add(1)
	if s.observer != nil {
		s.observer.Dropped(peer, kind, why)
	}
}

func (s *stats) refused(remote string, why error) {
	s.refusals.Add(1)
	if s.observer != nil {
		s.observer.Refused(remote, why)
	}
}

func (s *stats) gap(peer string, lost uint64) {
	s.lost.Add(lost)
	if s.observer != nil {
		s.observer.Gap(peer, lost)
	}
}

func (s *stats) requestDone(info RequestInfo) {
	s.requests.Add(1)
	if info.Err != nil {
		s.fail.Add(1)
	}
	if s.observer != nil {
		s.observer.RequestDone(info)
	}
}

func (s *stats) snapshot() Stats {
	return Stats{
		Sent:     byKind(&s.out),
		Received: byKind(&s.in),
		Dropped:  s.drops.Load(),
		Ignored:  s.ignores.Load(),
		Refused:  s.refusals.Load(),
		Lost:     s.lost.Load(),
		Requests: s.requests.Load(),
		Failed:   s.fail.Load(),
		SlowRate: s.cut[backlog.NoProgress].Load(),
		SlowFull: s.cut[backlog.Full].Load(),
	}
}

func byKind(counters *[len(kindNames)]traffic) map[Kind]Traffic {
	m := map[Kind]Traffic{}
	for kind := range counters {
		if n := counters[kind].messages.Load(); n > 0 {
			m[Kind(kind)] = Traffic{Messages: n, Bytes: counters[kind].bytes.Load()}
		}
	}
	return m
}
