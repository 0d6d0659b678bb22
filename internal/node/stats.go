package node

import (
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// kinds is the number of message kinds that are counted. A kind is an index into the
// counters.
const kinds = core.KindInterest + 1

// stats counts events, and passes them to the observer.
type stats struct {
	observer     core.Observer
	publications core.PublicationObserver // the observer, if it implements this; otherwise nil

	published, out, in       [kinds]traffic
	publishedSizes, inSizes  sizes
	requestTimes             [kinds]durations // by the kind of the request
	lost, lostOut            atomic.Uint64
	resumes, replayed        atomic.Uint64
	requests, fail           atomic.Uint64
	cut                      [backlog.Reasons]atomic.Uint64
	downs                    reasonCounts // of peers
	drops, ignores, refusals reasonCounts
	forbidden                forbidden
}

func newStats(observer core.Observer) stats {
	publications, _ := observer.(core.PublicationObserver)
	return stats{observer: observer, publications: publications}
}

type traffic struct{ messages, bytes atomic.Uint64 }

func (t *traffic) add(bytes int) { t.addAll(1, bytes) }

func (t *traffic) addAll(messages, bytes int) {
	t.messages.Add(uint64(messages))
	t.bytes.Add(uint64(bytes))
}

func (t *traffic) load() core.Traffic {
	return core.Traffic{Messages: t.messages.Load(), Bytes: t.bytes.Load()}
}

func (s *stats) peerUp(p *peer) {
	if s.observer != nil {
		s.observer.PeerUp(p.info())
	}
}

func (s *stats) peerDown(p *peer, why error, dialled bool) {
	s.downs.add(dropReason(why, dialled))
	if s.observer != nil {
		s.observer.PeerDown(p.info(), why)
	}
}

// publish counts a message that at least one peer gets.
func (s *stats) publish(kind core.Kind, bytes int) {
	s.published[kind].add(bytes)
	s.publishedSizes.add(bytes)
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
	s.inSizes.add(bytes)
	if s.observer != nil {
		s.observer.Received(peer, kind, bytes)
	}
}

func (s *stats) dropped(peer string, kind core.Kind, why error) {
	s.drops.add(dropReasons.of(why))
	if s.observer != nil {
		s.observer.Dropped(peer, kind, why)
	}
}

func (s *stats) ignored(peer string, kind core.Kind, why error) {
	s.ignores.add(ignoreReasons.of(why))
	if s.observer != nil {
		s.observer.Dropped(peer, kind, why)
	}
}

func (s *stats) refused(remote string, why error) {
	s.refusals.add(refusalReasons.of(why))
	if s.observer != nil {
		s.observer.Refused(remote, why)
	}
}

func (s *stats) gap(g core.Gap) {
	if g.Outbound {
		s.lostOut.Add(g.Total())
	} else {
		s.lost.Add(g.Total())
	}
	if s.observer != nil {
		s.observer.Gap(g)
	}
}

// resumed counts a session that was continued on another link, and the messages that are
// sent again.
func (s *stats) resumed(again int) {
	s.resumes.Add(1)
	s.replayed.Add(uint64(again))
}

func (s *stats) requestBegun(info core.RequestInfo) {
	if s.observer != nil {
		s.observer.RequestBegun(info)
	}
}

func (s *stats) requestDone(info core.RequestInfo) {
	s.requests.Add(1)
	if info.Kind < kinds {
		s.requestTimes[info.Kind].add(info.Duration)
	}
	if info.Err != nil {
		s.fail.Add(1)
	}
	if s.observer != nil {
		s.observer.RequestDone(info)
	}
}

// requestKinds are the kinds of messages that can be requests.
var requestKinds = [...]core.Kind{core.KindFetchSockets, core.KindBroadcast, core.KindServerSideEmit}

func (s *stats) snapshot() core.Stats {
	snapshot := core.Stats{
		Published:      byKind(&s.published),
		Sent:           byKind(&s.out),
		Received:       byKind(&s.in),
		Lost:           s.lost.Load(),
		LostOut:        s.lostOut.Load(),
		Resumed:        s.resumes.Load(),
		Replayed:       s.replayed.Load(),
		Requests:       s.requests.Load(),
		Failed:         s.fail.Load(),
		SlowRate:       s.cut[backlog.NoProgress].Load(),
		SlowFull:       s.cut[backlog.Full].Load(),
		PeerDrops:      s.downs.byName(&peerDropReasons),
		DropReasons:    s.drops.byName(&dropReasons),
		IgnoreReasons:  s.ignores.byName(&ignoreReasons),
		RefusalReasons: s.refusals.byName(&refusalReasons),
		Forbidden:      s.forbidden.byRole(),
		RequestTimes:   make(map[core.Kind]core.Histogram, len(requestKinds)),
	}
	snapshot.Dropped, snapshot.Ignored, snapshot.Refused = sum(snapshot.DropReasons), sum(snapshot.IgnoreReasons), sum(snapshot.RefusalReasons)
	snapshot.PublishedSizes = s.publishedSizes.histogram(snapshot.Published)
	snapshot.ReceivedSizes = s.inSizes.histogram(snapshot.Received)
	for _, kind := range requestKinds {
		snapshot.RequestTimes[kind] = s.requestTimes[kind].histogram()
	}
	return snapshot
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func byKind(counters *[kinds]traffic) map[core.Kind]core.Traffic {
	m := map[core.Kind]core.Traffic{}
	for kind := range counters {
		if t := counters[kind].load(); t.Messages > 0 {
			m[core.Kind(kind)] = t
		}
	}
	return m
}
