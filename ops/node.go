package ops

import (
	"cmp"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Node is what a node reports about itself.
type Node struct {
	ID       string    `json:"id"`
	Version  string    `json:"version"`    // of the module
	Go       string    `json:"go_version"` // the version that built it
	Host     string    `json:"host"`       // the machine's name
	Started  time.Time `json:"started"`
	Uptime   float64   `json:"uptime_seconds"`
	Time     time.Time `json:"time"`      // when it answered, by its clock
	Listen   string    `json:"listen"`    // where it accepts peers
	Address  string    `json:"advertise"` // the address that peers dial
	Codecs   []string  `json:"codecs"`    // the codecs that it reads, the preferred one first
	Ready    bool      `json:"ready"`
	Draining bool      `json:"draining"`
	Writable bool      `json:"writable"` // operators may emit and drain
	Checks   []Check   `json:"checks"`

	Discovery  string     `json:"discovery"`
	Discovered *time.Time `json:"discovered,omitempty"`          // when the last roster came
	Endpoints  []Endpoint `json:"discovery_endpoints,omitempty"` // what discovery asks

	Peers      []Peer      `json:"peers"`   // nodes with a link, by id
	Missing    []Missing   `json:"missing"` // nodes that discovery lists, without a link
	Namespaces []Namespace `json:"namespaces"`
	Clients    *Clients    `json:"clients,omitempty"` // absent if [Options].Clients is not set
	Sockets    int         `json:"sockets"`           // of all namespaces
	Rooms      int         `json:"rooms"`             // of all namespaces
	Counters   Counters    `json:"counters"`

	Settings map[string]string `json:"settings,omitempty"` // the configuration in force, without secrets
	Cut      []string          `json:"cut,omitempty"`      // lists that were shortened because the answer was too long
}

// Peer is a node to which the reporting node has a link.
type Peer struct {
	ID             string    `json:"id"`
	Address        string    `json:"address"`
	Remote         string    `json:"remote"` // network address of the link
	Reference      bool      `json:"reference"`
	Role           string    `json:"role"`     // "server", "emitter" or "observer"
	Version        int       `json:"protocol"` // 0 with reference peers
	Codec          string    `json:"codec"`    // in which the reporting node writes to it
	Since          time.Time `json:"since"`
	LinkSince      time.Time `json:"link_since"` // when the current link came up
	Dialled        bool      `json:"dialled"`    // by the reporting node
	Reconnects     uint64    `json:"reconnects"`
	RoundTrip      float64   `json:"round_trip_ms"` // of a ping, smoothed; 0 if unknown
	Heard          time.Time `json:"heard"`         // when something was last received
	Sent           Traffic   `json:"sent"`
	Received       Traffic   `json:"received"`
	QueuedMessages int       `json:"queued_messages"`
	QueuedBytes    int       `json:"queued_bytes"`
}

// Traffic counts messages and their bytes.
type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Missing is a node that discovery lists and to which there is no link.
type Missing struct {
	ID      string    `json:"id,omitempty"` // if known
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
	Dialled bool      `json:"dialled"` // this node dials it; otherwise the other node dials
	Error   string    `json:"error,omitempty"`
}

// Clients counts the clients of a node. A client has one connection, and a socket in each
// of its namespaces.
type Clients struct {
	WebSocket      int    `json:"websocket"`
	Polling        int    `json:"polling"`
	Upgrading      int    `json:"upgrading"`   // the polling clients that are changing to a WebSocket
	Other          int    `json:"other"`       // clients of other transports
	Connections    uint64 `json:"connections"` // since the node started
	Disconnections uint64 `json:"disconnections"`

	// Clients that were disconnected because they were too slow, by reason, and volatile
	// events that were dropped because a client was behind.
	SlowRate    uint64 `json:"slow_rate"`
	SlowFull    uint64 `json:"slow_full"`
	SlowTimeout uint64 `json:"slow_timeout"`
	SlowMemory  uint64 `json:"slow_memory"`
	Dropped     uint64 `json:"dropped"`

	QueuedBytes int64 `json:"queued_bytes"` // memory of the events that wait for clients that are behind
	QueuedLimit int64 `json:"queued_limit"` // the limit of QueuedBytes
	HeldBack    int   `json:"held_back"`    // clients that are not read from because they are ahead of their handlers

	Entering int    `json:"entering"` // clients that wait for their turn to be let in
	Refused  uint64 `json:"refused"`  // clients that were answered with 503 because too many came at once

	Packets uint64 `json:"packets"` // packets that clients have sent
	Frames  uint64 `json:"frames"`  // frames that were written to clients, and their bytes
	Bytes   uint64 `json:"bytes"`
}

// Endpoint is something that discovery asks: a replica of the service, or a name in DNS.
type Endpoint struct {
	Name    string     `json:"name"`
	Heard   bool       `json:"heard"`           // it answers
	Since   time.Time  `json:"since"`           // since when Heard has its value
	Last    *time.Time `json:"last,omitempty"`  // when it last reported servers
	Servers int        `json:"servers"`         // number of servers that it lists
	Error   string     `json:"error,omitempty"` // the last error
}

// Namespace is a namespace that is open on a node.
type Namespace struct {
	Name    string `json:"name"`
	Members int    `json:"members"` // number of other nodes that have it open
	Sockets int    `json:"sockets"`
	Rooms   int    `json:"rooms"`
}

// Counters count what a node has done since it started, in messages of the mesh.
type Counters struct {
	SentMessages     uint64 `json:"sent_messages"`
	SentBytes        uint64 `json:"sent_bytes"`
	ReceivedMessages uint64 `json:"received_messages"`
	ReceivedBytes    uint64 `json:"received_bytes"`
	Dropped          uint64 `json:"dropped"`
	Ignored          uint64 `json:"ignored"`
	Refused          uint64 `json:"refused"`
	Lost             uint64 `json:"lost"`     // messages from other nodes that never arrived
	LostOut          uint64 `json:"lost_out"` // messages that never arrived at another node
	Resumed          uint64 `json:"resumed"`  // links that resumed where an earlier one had broken
	Replayed         uint64 `json:"replayed"` // messages that were sent again because of that
	Requests         uint64 `json:"requests"`
	Failed           uint64 `json:"failed"`
	Slow             uint64 `json:"slow_peers"`
	RefusedOperators uint64 `json:"refused_operators"` // requests of the operators' port without the right token
	BusyOperators    uint64 `json:"busy_operators"`    // requests refused because too many were being answered
}

// node describes this node.
func (h *Handler) node() *Node {
	s, stats, roster := h.source.State(), h.source.Stats(), h.source.Roster()
	now := time.Now()
	host, _ := os.Hostname()
	n := &Node{
		ID: s.ID, Version: stats.Version, Go: runtime.Version(), Host: host,
		Started: stats.Started, Time: now,
		Listen: s.Listen, Address: s.Advertise, Codecs: s.Codecs,
		Draining: draining(h.source), Writable: h.o.Writable, Checks: h.checks(s, roster, len(stats.Peers)),
		Discovery: s.Discovery,
		Peers:     []Peer{}, Missing: []Missing{}, Namespaces: []Namespace{},
		Counters: countersOf(stats),
		Settings: h.o.Settings,
	}
	n.Counters.RefusedOperators, n.Counters.BusyOperators = h.Refused(), h.busy.Load()
	if h.o.Clients != nil {
		n.Clients = new(h.o.Clients())
	}
	n.Ready = len(failing(n.Checks)) == 0
	if !stats.Started.IsZero() {
		n.Uptime = now.Sub(stats.Started).Round(time.Millisecond).Seconds()
	}
	if !s.Discovered.IsZero() {
		n.Discovered = &s.Discovered
	}
	for _, p := range stats.Peers {
		n.Peers = append(n.Peers, peerOf(p))
	}
	for _, p := range roster.Unlinked {
		n.Missing = append(n.Missing, missingOf(s.ID, p))
	}
	for _, e := range roster.Endpoints {
		n.Endpoints = append(n.Endpoints, endpointOf(e))
	}
	h.addNamespaces(n, s)
	return n
}

func peerOf(p core.PeerStats) Peer {
	return Peer{
		ID: p.ID, Address: shown(p.Address), Remote: p.Remote, Reference: p.Reference, Role: string(p.Role), Version: p.Version, Codec: p.Codec,
		Since: p.Since, LinkSince: p.LinkSince, Dialled: p.Dialled, Reconnects: p.Reconnects, RoundTrip: milliseconds(p.RoundTrip), Heard: p.Heard,
		Sent: Traffic(p.Sent), Received: Traffic(p.Received), QueuedMessages: p.QueuedMessages, QueuedBytes: p.QueuedBytes,
	}
}

func missingOf(id string, p core.UnlinkedPeer) Missing {
	m := Missing{ID: p.ID, Address: shown(p.Address), Since: p.Since, Dialled: p.ID == "" || id < p.ID}
	if p.Err != nil {
		m.Error = shown(p.Err.Error())
	}
	return m
}

func endpointOf(e core.DiscoveryEndpoint) Endpoint {
	shows := Endpoint{Name: shown(e.Name), Heard: e.Heard, Since: e.Since, Servers: e.Peers}
	if !e.Last.IsZero() {
		shows.Last = &e.Last
	}
	if e.Err != nil {
		shows.Error = shown(e.Err.Error())
	}
	return shows
}

// addNamespaces adds the sockets and rooms of each namespace.
func (h *Handler) addNamespaces(n *Node, s core.NodeState) {
	members := make(map[string]int, len(s.Namespaces))
	for _, ns := range s.Namespaces {
		members[ns.Name] = len(ns.Members)
	}
	for _, open := range h.source.Namespaces() {
		ns := Namespace{Name: shown(open.Name), Members: members[open.Name]}
		if open.State != nil {
			ns.Sockets, ns.Rooms = open.State.Population()
		}
		n.Sockets += ns.Sockets
		n.Rooms += ns.Rooms
		n.Namespaces = append(n.Namespaces, ns)
	}
	slices.SortFunc(n.Namespaces, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
}

func countersOf(s core.Stats) Counters {
	c := Counters{
		Dropped: s.Dropped, Ignored: s.Ignored, Refused: s.Refused,
		Lost: s.Lost, LostOut: s.LostOut, Resumed: s.Resumed, Replayed: s.Replayed,
		Requests: s.Requests, Failed: s.Failed, Slow: s.SlowRate + s.SlowFull,
	}
	for _, t := range s.Sent {
		c.SentMessages += t.Messages
		c.SentBytes += t.Bytes
	}
	for _, t := range s.Received {
		c.ReceivedMessages += t.Messages
		c.ReceivedBytes += t.Bytes
	}
	return c
}

// shorten halves the longest list.
func (n *Node) shorten() bool {
	longest := max(len(n.Peers), len(n.Missing), len(n.Namespaces))
	switch {
	case longest == 0 && n.Settings == nil:
		return false
	case longest == 0:
		n.cut("settings")
		n.Settings = nil
		return true
	case longest == len(n.Namespaces):
		n.cut("namespaces")
		return half(&n.Namespaces)
	case longest == len(n.Missing):
		n.cut("missing")
		return half(&n.Missing)
	}
	n.cut("peers")
	return half(&n.Peers)
}

func (n *Node) cut(list string) {
	if !slices.Contains(n.Cut, list) {
		n.Cut = append(n.Cut, list)
	}
}

// serveNode serves this node, or the other node that the request names.
func (h *Handler) serveNode(r *http.Request) (any, error) {
	params, err := paramsOf(r, "node")
	if err != nil {
		return nil, err
	}
	return askOne(r.Context(), h, params.text("node"), question{Op: opNode}, func() (*Node, error) { return h.node(), nil })
}
