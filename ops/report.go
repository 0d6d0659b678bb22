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

// watchQuery is what a node that gathers for a watch asks of another, each second.
type watchQuery struct {
	Links  uint64 `json:"links,string"`     // of the report before: who is linked is told if that has changed
	Since  uint64 `json:"since"`            // events after this one are wanted
	Detail bool   `json:"detail,omitempty"` // all links are wanted, not only those that stand out
	Rooms  bool   `json:"rooms,omitempty"`  // the largest rooms are wanted
}

// report is a node in short: what changes from one second to the next, bounded.
type report struct {
	ID       string    `json:"id"`
	Identity *identity `json:"identity,omitempty"` // told with Linked
	Started  int64     `json:"started"`            // ms since 1970
	Time     int64     `json:"time"`               // likewise, by the node's clock
	Writable bool      `json:"writable,omitempty"`
	Draining bool      `json:"draining,omitempty"`
	Failing  []Check   `json:"failing,omitempty"` // without that of draining

	Peers     int          `json:"peers"`
	Links     uint64       `json:"links,string"` // stands for the ids of all peers
	Linked    []linkedPeer `json:"linked,omitempty"`
	Missing   []Missing    `json:"missing,omitempty"`
	Suspended []linkedPeer `json:"suspended,omitempty"`
	Detail    []linkReport `json:"detail,omitempty"`

	Queued    int     `json:"queued,omitempty"`  // bytes, for all peers
	Waiting   int     `json:"waiting,omitempty"` // messages
	RoundTrip float64 `json:"rtt,omitempty"`     // ms, the longest
	Sent      Traffic `json:"sent"`
	Received  Traffic `json:"received"`

	Clients    *Clients          `json:"clients,omitempty"`
	Sockets    int               `json:"sockets"`
	Rooms      int               `json:"rooms"`
	Namespaces []namespaceReport `json:"namespaces,omitempty"`
	Losses     map[string]uint64 `json:"losses,omitempty"` // by what and why, without those that are 0

	Events  []Event `json:"events,omitempty"`
	Seq     uint64  `json:"seq"` // of the latest event
	Largest []Room  `json:"largest,omitempty"`
	Partial bool    `json:"partial,omitempty"` // not all rooms were looked at for that
}

// identity is what does not change of a node.
type identity struct {
	Address   string   `json:"address"`
	Host      string   `json:"host"`
	Version   string   `json:"version"`
	Codecs    []string `json:"codecs"`
	Discovery string   `json:"discovery"`
}

// linkedPeer is a peer without what is measured of its link.
type linkedPeer struct {
	ID        string `json:"id"`
	Address   string `json:"address"`
	Reference bool   `json:"reference,omitempty"`
	Since     int64  `json:"since,omitempty"` // ms since 1970, of one that is suspended
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

// The bounds of a report.
const (
	reportMissing    = 50
	reportNamespaces = 50
	reportEvents     = 50
	firstEvents      = 20 // to a node that has none yet
	reportRooms      = 32
	standingOut      = 8                    // links that do
	roomsTime        = 2 * time.Millisecond // to look for the largest rooms
)

// A link stands out with so much.
const (
	muchQueued    = 64 << 10 // bytes
	longRoundTrip = 200 * time.Millisecond
)

// report reports this node.
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

// addPeers reports who is linked, if the one that asks does not know, and links: all, or
// those that stand out.
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

// countNamespaces counts what is in each, and lists those with most sockets.
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

// losses are what did not arrive and who was not let in, by what and why. The page has a
// line for each: see docs/admin.md.
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

// largestRooms looks at rooms for roomsTime, which some tens of thousands take: of more,
// it sees others each time, for maps are walked in a random order.
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

// shorten drops what is long and can come later.
func (r *report) shorten() bool {
	switch {
	case half(&r.Largest):
		r.Partial = true
	case half(&r.Detail):
	case half(&r.Events):
	case half(&r.Namespaces):
	case half(&r.Missing):
	default:
		r.Links = 0 // so that it is asked again
		return half(&r.Linked)
	}
	return true
}
