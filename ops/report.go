package ops

import (
	"cmp"
	"context"
	"encoding/binary"
	"hash/fnv"
	"os"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// watchQuery is the question of a gatherer to another node, each second.
type watchQuery struct {
	Links  uint64 `json:"links,string"`     // Links of the previous report: Linked is sent again only if they have changed
	Since  uint64 `json:"since"`            // send events after this one
	Detail bool   `json:"detail,omitempty"` // send all links, not only those that stand out
	Rooms  bool   `json:"rooms,omitempty"`  // send the largest rooms
}

// report describes a node in short, with a bounded size: what changes from one second to
// the next.
type report struct {
	ID       string    `json:"id"`
	Identity *identity `json:"identity,omitempty"` // sent with Linked
	Started  int64     `json:"started"`            // ms since 1970
	Time     int64     `json:"time"`               // ms since 1970, on the node's clock
	Writable bool      `json:"writable,omitempty"`
	Draining bool      `json:"draining,omitempty"`
	Failing  []Check   `json:"failing,omitempty"` // checks that fail, without that for draining

	Peers     int          `json:"peers"`
	Links     uint64       `json:"links,string"` // a hash of the ids of all peers
	Linked    []linkedPeer `json:"linked,omitempty"`
	Missing   []Missing    `json:"missing,omitempty"`
	Suspended []linkedPeer `json:"suspended,omitempty"`
	Detail    []linkReport `json:"detail,omitempty"`

	Queued    int     `json:"queued,omitempty"`  // bytes that wait for all peers
	Waiting   int     `json:"waiting,omitempty"` // messages that wait
	RoundTrip float64 `json:"rtt,omitempty"`     // the longest, in ms
	Sent      Traffic `json:"sent"`
	Received  Traffic `json:"received"`

	Clients    *Clients          `json:"clients,omitempty"`
	Sockets    int               `json:"sockets"`
	Rooms      int               `json:"rooms"`
	Namespaces []namespaceReport `json:"namespaces,omitempty"`
	Losses     map[string]uint64 `json:"losses,omitempty"` // counts by what and why, without zeros

	Events  []Event `json:"events,omitempty"`
	Seq     uint64  `json:"seq"` // Seq of the latest event
	Largest []Room  `json:"largest,omitempty"`
	Partial bool    `json:"partial,omitempty"` // Largest does not consider all rooms
}

// identity is the part of a node's state that does not change.
type identity struct {
	Address   string   `json:"address"`
	Host      string   `json:"host"`
	Version   string   `json:"version"`
	Codecs    []string `json:"codecs"`
	Discovery string   `json:"discovery"`
}

// linkedPeer is a peer without measurements of its link.
type linkedPeer struct {
	ID        string `json:"id"`
	Address   string `json:"address"`
	Reference bool   `json:"reference,omitempty"`
	Since     int64  `json:"since,omitempty"` // of a suspended peer: ms since 1970
}

// linkReport is one end of a link.
type linkReport struct {
	Peer       string  `json:"peer"`
	Sent       Traffic `json:"sent"`
	Received   Traffic `json:"received"`
	RoundTrip  float64 `json:"rtt,omitempty"`
	Queued     int     `json:"queued,omitempty"`
	Waiting    int     `json:"waiting,omitempty"`
	Reconnects uint64  `json:"reconnects,omitempty"`
}

// namespaceReport is a namespace of one node.
type namespaceReport struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets"`
	Rooms   int    `json:"rooms"`
}

// The limits of a report.
const (
	reportMissing    = 50
	reportNamespaces = 50
	reportEvents     = 50
	firstEvents      = 20 // for a gatherer that has none yet
	reportRooms      = 32
	standingOut      = 8                    // links that stand out
	roomsTime        = 2 * time.Millisecond // time to look for the largest rooms
)

// A link stands out above one of these values.
const (
	muchQueued    = 64 << 10 // bytes
	longRoundTrip = 200 * time.Millisecond
)

// report makes the report of this node.
func (h *Handler) report(ctx context.Context, q watchQuery) *report {
	s, stats, roster := h.source.State(), h.source.Stats(), h.source.Roster()
	r := &report{
		ID: s.ID, Started: stats.Started.UnixMilli(), Time: time.Now().UnixMilli(), Writable: h.o.Writable, Draining: draining(h.source),
	}
	if h.o.Clients != nil {
		r.Clients = new(h.o.Clients())
	}
	r.Losses = h.losses(stats, r.Clients)
	for _, c := range h.checks(s, roster, len(stats.Peers)) {
		if !c.OK && c.Name != checkDraining {
			r.Failing = append(r.Failing, c)
		}
	}
	r.addPeers(stats, q)
	if r.Links != q.Links {
		host, _ := os.Hostname()
		r.Identity = &identity{shown(s.Advertise), shown(host), stats.Version, s.Codecs, s.Discovery}
	}
	for _, p := range roster.Unlinked[:min(len(roster.Unlinked), reportMissing)] {
		r.Missing = append(r.Missing, missingOf(s.ID, p))
	}
	c := countersOf(stats)
	r.Sent, r.Received = Traffic{c.SentMessages, c.SentBytes}, Traffic{c.ReceivedMessages, c.ReceivedBytes}
	h.countNamespaces(r)
	most := reportEvents
	if q.Since == 0 {
		most = firstEvents
	}
	r.Events, r.Seq = h.o.Journal.since(q.Since, most)
	if q.Rooms {
		r.Largest, r.Partial = h.largestRooms(ctx)
	}
	return r
}

// addPeers adds the peers, unless the gatherer knows them, and links: all, or those that
// stand out.
func (r *report) addPeers(stats core.Stats, q watchQuery) {
	r.Peers = len(stats.Peers)
	hash := fnv.New64a()
	var details []linkReport
	for _, p := range stats.Peers {
		hash.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p.ID))))
		hash.Write([]byte(p.ID))
		r.Queued += p.QueuedBytes
		r.Waiting += p.QueuedMessages
		r.RoundTrip = max(r.RoundTrip, milliseconds(p.RoundTrip))
		if q.Detail || p.QueuedBytes >= muchQueued || p.RoundTrip >= longRoundTrip {
			details = append(details, linkReport{
				Peer: p.ID, Sent: Traffic(p.Sent), Received: Traffic(p.Received), RoundTrip: milliseconds(p.RoundTrip),
				Queued: p.QueuedBytes, Waiting: p.QueuedMessages, Reconnects: p.Reconnects,
			})
		}
	}
	r.Links = hash.Sum64()
	if r.Links != q.Links {
		for _, p := range stats.Peers {
			r.Linked = append(r.Linked, linkedPeer{ID: p.ID, Address: shown(p.Address), Reference: p.Reference})
		}
	}
	if !q.Detail && len(details) > standingOut {
		slices.SortFunc(details, func(a, b linkReport) int {
			return cmp.Or(cmp.Compare(b.Queued, a.Queued), cmp.Compare(b.RoundTrip, a.RoundTrip), cmp.Compare(a.Peer, b.Peer))
		})
		details = details[:standingOut]
	}
	r.Detail = details
	for _, p := range stats.Suspended[:min(len(stats.Suspended), reportMissing)] {
		r.Suspended = append(r.Suspended, linkedPeer{ID: p.ID, Address: shown(p.Address), Reference: p.Reference, Since: p.Suspended.UnixMilli()})
	}
}

// countNamespaces counts sockets and rooms of each namespace, and lists the namespaces with
// most sockets.
func (h *Handler) countNamespaces(r *report) {
	for _, open := range h.source.Namespaces() {
		ns := namespaceReport{Name: shown(open.Name)}
		if open.State != nil {
			ns.Sockets, ns.Rooms = open.State.Population()
		}
		r.Sockets += ns.Sockets
		r.Rooms += ns.Rooms
		r.Namespaces = append(r.Namespaces, ns)
	}
	slices.SortFunc(r.Namespaces, func(a, b namespaceReport) int {
		return cmp.Or(cmp.Compare(b.Sockets, a.Sockets), cmp.Compare(a.Name, b.Name))
	})
	r.Namespaces = r.Namespaces[:min(len(r.Namespaces), reportNamespaces)]
}

// losses counts messages that were lost and connections that were refused, by what and why.
// The page has a line for each: see docs/admin.md.
func (h *Handler) losses(stats core.Stats, c *Clients) map[string]uint64 {
	losses := map[string]uint64{}
	add := func(what string, n uint64) {
		if n > 0 {
			losses[what] = n
		}
	}
	for what, byReason := range map[string]map[string]uint64{
		"dropped": stats.DropReasons, "ignored": stats.IgnoreReasons, "refused": stats.RefusalReasons,
		"down": stats.PeerDrops, "roster": stats.RosterRefusals,
	} {
		for reason, n := range byReason {
			add(what+"/"+reason, n)
		}
	}
	add("lost/in", stats.Lost)
	add("lost/out", stats.LostOut)
	add("requests/incomplete", stats.Failed)
	add("operators/refused", h.Refused())
	add("operators/busy", h.busy.Load())
	if c != nil {
		add("clients/rate", c.SlowRate)
		add("clients/full", c.SlowFull)
		add("clients/timeout", c.SlowTimeout)
		add("clients/memory", c.SlowMemory)
		add("clients/volatile", c.Dropped)
		add("clients/refused", c.Refused)
	}
	return losses
}

// largestRooms looks at rooms for roomsTime, which is enough for some tens of thousands. If
// there are more, it sees others each time, because maps are iterated in random order.
func (h *Handler) largestRooms(ctx context.Context) (largest []Room, partial bool) {
	first := newSelection(reportRooms, bySize)
	began, seen := time.Now(), 0
	for _, open := range h.source.Namespaces() {
		if open.State == nil {
			continue
		}
		namespace := shown(open.Name)
		open.State.EachRoom(func(name string, members int) bool {
			if seen++; seen%256 == 0 && (time.Since(began) > roomsTime || ctx.Err() != nil) {
				partial = true
				return false
			}
			if len(first.heap) < reportRooms || members >= first.heap[0].Members {
				first.add(Room{Namespace: namespace, Name: shown(name), Members: members, Nodes: 1})
			}
			return true
		})
		if partial {
			break
		}
	}
	return first.sorted(), partial
}

// shorten drops long lists that can be sent later.
func (r *report) shorten() bool {
	switch {
	case half(&r.Largest):
		r.Partial = true
	case half(&r.Detail):
	case half(&r.Events):
	case half(&r.Namespaces):
	case half(&r.Missing):
	default:
		r.Links = 0 // so that the gatherer asks for the peers again
		return half(&r.Linked)
	}
	return true
}
