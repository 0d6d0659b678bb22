package service

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// view merges the rosters of all replicas. An entry is in it as long as one of them lists
// it, and after that:
//
//   - for another ttl, if a replica that listed it went away, came back without it, or sent
//     a roster that lacks this node: such a replica does not know who has left. The time
//     counts only while there is a replica whose roster contains this node.
//   - not at all, if each replica that listed it has said on the same connection that it
//     has left.
type view struct {
	self  string // this node's id
	ttl   time.Duration
	limit int // number of kept entries that no replica lists

	changed chan struct{} // holds one signal: the view may have changed

	mu       sync.Mutex
	replicas []replicaRoster
	known    map[string]*knownEntry // all entries of the view, by id
	unlisted int                    // number of known entries that no replica lists
	since    time.Time              // since when there is a replica whose roster contains this node; zero if there is none
}

// replicaRoster is what a replica has sent on its current connection.
type replicaRoster struct {
	roster []core.Peer
	heard  bool // it has sent a roster
	sound  bool // its roster contains this node
}

// knownEntry is an entry of the view.
type knownEntry struct {
	core.Peer
	listed uint64    // bits of the replicas that list it
	doubt  uint64    // bits of the replicas that listed it and have not said that it left
	since  time.Time // when the last replica stopped listing it; zero while one lists it
}

// maxReplicas is the number of replicas for which a knownEntry has bits; more are not
// useful.
const maxReplicas = 16

func newView(self string, replicas int, o ClientOptions) *view {
	return &view{
		self:     self,
		ttl:      o.EntryTTL,
		limit:    o.MaxPeers,
		changed:  make(chan struct{}, 1),
		replicas: make([]replicaRoster, replicas),
		known:    make(map[string]*knownEntry),
	}
}

// replace sets the roster of a replica. If another replica lists an entry with another
// address, it returns that entry as a conflict; the address of the first replica is used.
func (v *view) replace(replica int, roster []core.Peer, now time.Time) (conflict core.Peer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, bit := &v.replicas[replica], uint64(1)<<replica
	before := r.roster
	sound := slices.ContainsFunc(roster, func(p core.Peer) bool { return p.ID == v.self })
	*r = replicaRoster{roster: roster, heard: true, sound: sound}
	listed := make(map[string]bool, len(roster))
	for _, p := range roster {
		listed[p.ID] = true
		e := v.known[p.ID]
		if e == nil {
			e = &knownEntry{}
			v.known[p.ID] = e
		} else if e.listed == 0 {
			v.unlisted--
		} else if e.listed&^bit != 0 && e.Address != p.Address {
			conflict = p
		}
		e.Peer, e.since = p, time.Time{}
		e.listed |= bit
		e.doubt &^= bit
	}
	for _, p := range before {
		if !listed[p.ID] {
			v.drop(p.ID, bit, sound, now)
		}
	}
	v.judge(now)
	return conflict
}

// lost notes that the connection to a replica has ended: the servers that it listed may
// still be there.
func (v *view) lost(replica int, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, bit := &v.replicas[replica], uint64(1)<<replica
	before := r.roster
	*r = replicaRoster{}
	for _, p := range before {
		v.drop(p.ID, bit, false, now)
	}
	v.judge(now)
}

// drop notes that a replica does not list an entry any more; left says that it has
// reported that the server left. v.mu is held.
func (v *view) drop(id string, bit uint64, left bool, now time.Time) {
	e := v.known[id]
	e.listed &^= bit
	if !left {
		e.doubt |= bit
	}
	if e.listed != 0 {
		return
	}
	if e.doubt == 0 || v.unlisted >= v.limit {
		delete(v.known, id)
		return
	}
	e.since = now
	v.unlisted++
}

// judge decides whether unlisted entries age from now on, and signals changed; v.mu is
// held.
func (v *view) judge(now time.Time) {
	sound := slices.ContainsFunc(v.replicas, func(r replicaRoster) bool { return r.sound })
	switch {
	case !sound:
		v.since = time.Time{}
	case v.since.IsZero():
		v.since = now
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// merged returns the merged roster, and when it has to be called again because entries
// will be too old; zero if that is not known. It reports false if no replica has sent a
// roster yet.
func (v *view) merged(now time.Time) (roster []core.Peer, next time.Time, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	roster = make([]core.Peer, 0, len(v.known))
	seen := make(map[string]bool, len(v.known))
	for _, r := range v.replicas {
		ok = ok || r.heard
		for _, p := range r.roster {
			if !seen[p.ID] {
				seen[p.ID] = true
				roster = append(roster, p)
			}
		}
	}
	if v.unlisted == 0 {
		return roster, time.Time{}, ok
	}
	first := len(roster)
	for id, e := range v.known {
		if e.listed != 0 {
			continue
		}
		if end := v.end(e); !end.IsZero() && !now.Before(end) {
			delete(v.known, id)
			v.unlisted--
			continue
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
		roster = append(roster, e.Peer)
	}
	slices.SortFunc(roster[first:], func(a, b core.Peer) int { return cmp.Compare(a.ID, b.ID) })
	return roster, next, true
}

// end returns when an entry that no replica lists is too old; zero while entries do not
// age.
func (v *view) end(e *knownEntry) time.Time {
	if v.since.IsZero() {
		return time.Time{}
	}
	if e.since.After(v.since) {
		return e.since.Add(v.ttl)
	}
	return v.since.Add(v.ttl)
}
