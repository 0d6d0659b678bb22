package node

import (
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// kinds is the number of kinds that are counted, which are indices.
const kinds = core.KindInterest + 1

// stats counts, and tells the observer.
type stats struct {
	observer core.Observer

	out, in                                        [kinds]traffic
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

func (s *stats) sent(peer string, kind core.Kind, bytes int) {
	s.out[kind].add(bytes)
	if s.observer != nil {
		s.observer.Sent(peer, kind, bytes)
	}
}

func (s *stats) received(peer string, kind core.Kind, bytes int) {
	if kind >= kinds {
		kind = 0
	}
	s.in[kind].add(bytes)
	if s.observer != nil {
		s.observer.Received(peer, kind, bytes)
	}
}

func (s *stats) dropped(peer string, kind core.Kind, why error) {
	s.drops.Add(1)
	if s.observer != nil {
		s.observer.Dropped(peer, kind, why)
	}
}

func (s *stats) ignored(peer string, kind core.Kind, why error) {
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

func (s *stats) requestBegun(info core.RequestInfo) {
	if s.observer != nil {
		s.observer.RequestBegun(info)
	}
}

func (s *stats) requestDone(info core.RequestInfo) {
	s.requests.Add(1)
	if info.Err != nil {
		s.fail.Add(1)
	}
	if s.observer != nil {
		s.observer.RequestDone(info)
	}
}

func (s *stats) snapshot() core.Stats {
	return core.Stats{
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

func byKind(counters *[kinds]traffic) map[core.Kind]core.Traffic {
	m := map[core.Kind]core.Traffic{}
	for kind := range counters {
		if n := counters[kind].messages.Load(); n > 0 {
			m[core.Kind(kind)] = core.Traffic{Messages: n, Bytes: counters[kind].bytes.Load()}
		}
	}
	return m
}
