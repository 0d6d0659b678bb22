package ops

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// doc is what pages show, as JSON. Its members are strings, numbers, booleans, docs, and
// raw. All but docs can be compared.
type doc map[string]any

// raw is an encoded list: it changes as a whole.
type raw string

// MarshalJSON implements [json.Marshaler].
func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func rawOf(list any) raw {
	text, err := json.Marshal(list)
	if err != nil {
		return "null"
	}
	return raw(text)
}

// patch returns what has to be merged into before to get after: members that have changed,
// and null for members that are gone (RFC 7396).
func patch(before, after doc) doc {
	p := doc{}
	for key, value := range after {
		old, known := before[key]
		inner, isDoc := value.(doc)
		oldInner, wasDoc := old.(doc)
		switch {
		case isDoc && wasDoc:
			if d := patch(oldInner, inner); len(d) > 0 {
				p[key] = d
			}
		case isDoc || wasDoc || !known || old != value:
			p[key] = value
		}
	}
	for key := range before {
		if _, still := after[key]; !still {
			p[key] = nil
		}
	}
	return p
}

// frame is the result of one look. Pages that have the previous frame get what has changed,
// others get everything.
type frame struct {
	epoch  string // identifies the gatherer
	number int
	delta  []byte        // a line with the changes; nil in the first frame
	full   func() []byte // a line with everything, made when it is first needed
}

// line is one line of a feed.
type line struct {
	Epoch   string      `json:"epoch"`
	Number  int         `json:"n"`
	Time    int64       `json:"t"`
	Full    doc         `json:"full,omitempty"`
	Patch   doc         `json:"patch,omitempty"`
	Events  []nodeEvent `json:"events,omitempty"`
	Skipped int         `json:"skipped,omitempty"` // events that were left out because there were too many
}

// nodeEvent is an event of a node.
type nodeEvent struct {
	N    uint64 `json:"n"` // counts the gatherer's events
	Node string `json:"node"`
	Event
}

// The limits of a page.
const (
	viewEvents   = 200 // events that a page gets at first
	lineEvents   = 100 // events that it gets in a later line
	viewRooms    = reportRooms
	viewProblems = 200
	viewMissing  = 20 // per node
)

// view makes frames from what a gatherer has seen.
type view struct {
	epoch  string
	number int
	last   doc
	events []nodeEvent // the latest events
	event  uint64      // N of the last event

	// The last judgement, and a hash of what it was made from: judging takes time in
	// proportion to the links.
	judged   uint64
	problems []Problem
	unseen   []Unanswered
	since    map[[3]string]int64 // when each problem began, by kind, node and peer

	rooms doc
}

// frame makes the next frame.
func (v *view) frame(g *gatherer, now time.Time) *frame {
	v.number++
	after := v.doc(g, now)
	fresh, skipped := v.takeEvents(g)
	f := &frame{epoch: v.epoch, number: v.number}
	t := now.UnixMilli()
	if v.last != nil {
		f.delta = lineOf(line{Epoch: v.epoch, Number: v.number, Time: t, Patch: patch(v.last, after), Events: fresh, Skipped: skipped})
	}
	events := slices.Clone(v.events)
	f.full = sync.OnceValue(func() []byte {
		return lineOf(line{Epoch: v.epoch, Number: f.number, Time: t, Full: after, Events: events})
	})
	v.last = after
	return f
}

func lineOf(l line) []byte {
	text, err := json.Marshal(l)
	if err != nil {
		text = []byte(`{"error":"the state cannot be encoded"}`)
	}
	return append(text, '\n')
}

// takeEvents takes the new events of all nodes, sorted by time, and keeps the latest.
func (v *view) takeEvents(g *gatherer) (fresh []nodeEvent, skipped int) {
	for _, n := range g.nodes {
		for _, e := range n.fresh {
			fresh = append(fresh, nodeEvent{Node: n.id, Event: e})
		}
		n.fresh = nil
	}
	slices.SortFunc(fresh, func(a, b nodeEvent) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Seq, b.Seq))
	})
	for i := range fresh {
		v.event++
		fresh[i].N = v.event
	}
	v.events = append(v.events, fresh...)
	if over := len(v.events) - viewEvents; over > 0 {
		v.events = slices.Clone(v.events[over:])
	}
	if skipped = len(fresh) - lineEvents; skipped > 0 {
		return fresh[skipped:], skipped
	}
	return fresh, 0
}

// doc returns everything that is shown now.
func (v *view) doc(g *gatherer, now time.Time) doc {
	nodes, links, total := make(doc, len(g.nodes)), doc{}, newTotals()
	v.judge(g, now)
	for _, u := range v.unseen {
		if id := cmp.Or(u.ID, u.Address); g.nodes[id] == nil {
			nodes[id] = doc{"state": "unseen", "address": u.Address, "text": u.Error}
		}
	}
	for id, n := range g.nodes {
		nodes[id] = n.doc(now)
		if n.report == nil || !n.linked {
			continue
		}
		total.add(n)
		n.addLinks(links)
	}
	if g.looks%watchRooms == 0 || v.rooms == nil {
		v.rooms = roomsOf(g)
	}
	shownProblems := v.problems[:min(len(v.problems), viewProblems)]
	return doc{
		"by": g.h.source.ID(), "writable": g.h.o.Writable, "all_links": len(g.nodes) <= watchDetail,
		"nodes": nodes, "links": links, "total": total.doc(), "namespaces": total.namespaceDoc(), "losses": total.lossDoc(),
		"problems": v.problemList(shownProblems, now), "problem_count": len(v.problems), "rooms": v.rooms,
	}
}

// judge finds problems as [Cluster] does, if something has changed from which they follow.
func (v *view) judge(g *gatherer, now time.Time) {
	hash := fnv.New64a()
	write := func(texts ...string) {
		for _, text := range texts {
			hash.Write([]byte(strconv.Itoa(len(text))))
			hash.Write([]byte(text))
		}
	}
	ids := make([]string, 0, len(g.nodes))
	for id := range g.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		n := g.nodes[id]
		silent := n.silent(now)
		switch {
		case n.reference || !n.linked:
			write(id, "-", strconv.FormatInt(n.suspended, 10), strconv.FormatBool(n.lost()))
			continue
		case silent != "":
			write(id, silent)
			continue
		case n.report == nil:
			write(id, "?")
			continue
		}
		r := n.report
		write(id, strconv.FormatUint(r.Links, 36))
		for _, check := range r.Failing {
			write(check.Name, check.Detail)
		}
		for _, m := range r.Missing {
			write(m.ID, m.Address, m.Error)
		}
		for _, p := range r.Suspended {
			write("suspended", p.ID, strconv.FormatInt(p.Since, 10))
		}
	}
	if sum := hash.Sum64(); sum != v.judged || v.number == 1 {
		v.judged = sum
		v.judgeAgain(g, ids, now)
	}
}

// judgeAgain finds the problems.
func (v *view) judgeAgain(g *gatherer, ids []string, now time.Time) {
	c := &Cluster{AnsweredBy: g.h.source.ID()}
	for _, id := range ids {
		n := g.nodes[id]
		if n.reference || !n.linked {
			continue
		}
		if silent := n.silent(now); silent != "" {
			c.Unanswered = append(c.Unanswered, Unanswered{ID: id, Address: n.address, Error: silent})
		} else if r := n.report; r != nil {
			c.Nodes = append(c.Nodes, Node{ID: id, Peers: n.peers, Missing: r.Missing, Checks: r.Failing})
		}
	}
	if len(c.Nodes) > 0 {
		c.judge()
	}
	v.addSuspended(g, c)
	for _, id := range ids {
		if g.nodes[id].lost() {
			c.problem(problemLost, c.AnsweredBy, id, "it has gone without a goodbye: its process has died, or it is out of reach; its clients connect to other servers")
		}
	}
	v.problems, v.unseen = c.Problems, c.Unanswered
}

// problemSuspended is a broken link that may resume. Other commands count a mesh with such
// a link as whole, because nothing is lost yet.
const problemSuspended = "suspended"

// problemLost is a node that has gone a short while ago without a goodbye.
const problemLost = "lost"

func (n *seen) lost() bool { return !n.linked && n.suspended == 0 && !n.goodbye }

func (v *view) addSuspended(g *gatherer, c *Cluster) {
	missing := map[[2]string]bool{}
	for _, p := range c.Problems {
		missing[[2]string{p.Node, p.Peer}] = true
	}
	for _, node := range c.Nodes {
		for _, p := range g.nodes[node.ID].report.Suspended {
			if !missing[[2]string{node.ID, p.ID}] {
				c.problem(problemSuspended, node.ID, p.ID, "the link to "+p.Address+" has broken; what is published meanwhile is kept for a while, and sent when it is back")
			}
		}
	}
}

// problemList returns the problems with the time since which each exists.
func (v *view) problemList(problems []Problem, now time.Time) raw {
	type lasting struct {
		Problem
		Since int64 `json:"since"`
	}
	since, list := map[[3]string]int64{}, []lasting{}
	for _, p := range problems {
		key := [3]string{p.Kind, p.Node, p.Peer}
		since[key] = cmp.Or(v.since[key], now.UnixMilli())
		list = append(list, lasting{p, since[key]})
	}
	v.since = since
	return rawOf(list)
}

// state returns one word for a node, and a text that explains it.
func (n *seen) state(now time.Time) (state, text string) {
	switch {
	case n.suspended != 0:
		return "suspended", "its link has broken, and may resume"
	case n.goodbye:
		return "left", "it has left"
	case !n.linked:
		return "gone", "it has gone without a goodbye"
	case n.reference:
		return "reference", "a node of the reference implementation, which is not asked"
	}
	if silent := n.silent(now); silent != "" {
		return "silent", silent
	}
	switch {
	case n.report == nil:
		return "new", "it has not answered yet"
	case n.report.Draining:
		return "draining", "its clients are sent to other servers"
	case len(n.report.Failing) > 0:
		return "unready", n.report.Failing[0].Name + ": " + n.report.Failing[0].Detail
	}
	return "ok", ""
}

// membersOfNode is about how many members the doc of a node has: so many are allocated once
// a second for each node.
const membersOfNode = 40

func (n *seen) doc(now time.Time) doc {
	state, text := n.state(now)
	d := make(doc, membersOfNode)
	d["state"], d["address"] = state, n.address
	if text != "" {
		d["text"] = text
	}
	if n.suspended != 0 {
		d["since"] = n.suspended
	}
	r := n.report
	if r == nil {
		return d
	}
	d["started"] = r.Started
	if i := n.identity; i != nil {
		d["address"], d["host"], d["version"], d["codecs"], d["discovery"] = i.Address, i.Host, i.Version, rawOf(i.Codecs), i.Discovery
	}
	if !n.linked {
		return d
	}
	d["writable"] = r.Writable
	d["peers"], d["missing"], d["suspended"] = r.Peers, len(r.Missing), len(r.Suspended)
	if len(r.Missing) > 0 {
		ids := []string{}
		for _, m := range r.Missing[:min(len(r.Missing), viewMissing)] {
			ids = append(ids, cmp.Or(m.ID, m.Address))
		}
		d["missing_ids"] = rawOf(ids)
	}
	if len(r.Suspended) > 0 {
		ids := []string{}
		for _, p := range r.Suspended[:min(len(r.Suspended), viewMissing)] {
			ids = append(ids, p.ID)
		}
		d["suspended_ids"] = rawOf(ids)
	}
	d["queue"], d["waiting"], d["rtt"] = short(float64(r.Queued)), r.Waiting, short(r.RoundTrip)
	d["sockets"], d["rooms"] = r.Sockets, r.Rooms
	if c := r.Clients; c != nil {
		d["ws"], d["polling"], d["upgrading"], d["other"] = c.WebSocket, c.Polling, c.Upgrading, c.Other
		d["clients_queue"], d["held_back"] = short(float64(c.QueuedBytes)), c.HeldBack
		d["entering"] = c.Entering
	}
	n.rates().addTo(d)
	losses := doc{}
	for what, count := range r.Losses {
		losses[what] = count
	}
	d["losses"] = losses
	return d
}

// rates are what a node, or all nodes together, does in a second.
type rates struct {
	known                                      bool
	out, in, outBytes, inBytes                 float64
	connects, disconnects, packets, frames, cb float64
}

// rates compares the report with the previous one.
func (n *seen) rates() (r rates) {
	before, now := n.before, n.report
	if before == nil || now.Time <= before.Time {
		return r
	}
	seconds := float64(now.Time-before.Time) / 1000
	per := func(a, b uint64) float64 { return float64(b-min(a, b)) / seconds }
	r.known = true
	r.out, r.outBytes = per(before.Sent.Messages, now.Sent.Messages), per(before.Sent.Bytes, now.Sent.Bytes)
	r.in, r.inBytes = per(before.Received.Messages, now.Received.Messages), per(before.Received.Bytes, now.Received.Bytes)
	if b, c := before.Clients, now.Clients; b != nil && c != nil {
		r.connects, r.disconnects = per(b.Connections, c.Connections), per(b.Disconnections, c.Disconnections)
		r.packets, r.frames, r.cb = per(b.Packets, c.Packets), per(b.Frames, c.Frames), per(b.Bytes, c.Bytes)
	}
	return r
}

func (r rates) addTo(d doc) {
	if !r.known {
		return
	}
	for name, value := range map[string]float64{
		"out": r.out, "in": r.in, "out_bytes": r.outBytes, "in_bytes": r.inBytes,
		"connects": r.connects, "disconnects": r.disconnects, "packets": r.packets, "frames": r.frames, "client_bytes": r.cb,
	} {
		d[name] = short(value)
	}
}

// short rounds a number to two digits for people: so it changes less often.
func short(v float64) float64 {
	if v < 0.05 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	if unit < 1 {
		return math.Round(v/unit) / math.Round(1/unit)
	}
	return math.Round(v/unit) * unit
}

// addLinks adds the links that a node has reported, by "from to".
func (n *seen) addLinks(links doc) {
	before := map[string]*linkReport{}
	seconds := 0.0
	if n.before != nil {
		seconds = float64(n.report.Time-n.before.Time) / 1000
		for i := range n.before.Detail {
			before[n.before.Detail[i].Peer] = &n.before.Detail[i]
		}
	}
	for i := range n.report.Detail {
		l := &n.report.Detail[i]
		d := doc{"rtt": short(l.RoundTrip), "queue": short(float64(l.Queued)), "waiting": l.Waiting, "reconnects": l.Reconnects}
		if b := before[l.Peer]; b != nil && seconds > 0 {
			d["out"] = short(float64(l.Sent.Messages-min(b.Sent.Messages, l.Sent.Messages)) / seconds)
			d["out_bytes"] = short(float64(l.Sent.Bytes-min(b.Sent.Bytes, l.Sent.Bytes)) / seconds)
		}
		links[n.id+" "+l.Peer] = d
	}
}

// totals adds up nodes.
type totals struct {
	nodes, sockets, rooms, queued, waiting                     int
	ws, polling, upgrading, other, entering, heldBack, cQueued int
	connections, disconnections                                uint64
	rates                                                      rates
	namespaces                                                 map[string]*[3]int // sockets, rooms, nodes
	losses                                                     map[string]uint64
}

func newTotals() *totals {
	return &totals{namespaces: map[string]*[3]int{}, losses: map[string]uint64{}}
}

func (t *totals) add(n *seen) {
	r := n.report
	t.nodes++
	t.sockets += r.Sockets
	t.rooms += r.Rooms
	t.queued += r.Queued
	t.waiting += r.Waiting
	if c := r.Clients; c != nil {
		t.ws += c.WebSocket
		t.polling += c.Polling
		t.upgrading += c.Upgrading
		t.other += c.Other
		t.heldBack += c.HeldBack
		t.entering += c.Entering
		t.cQueued += int(c.QueuedBytes)
		t.connections += c.Connections
		t.disconnections += c.Disconnections
	}
	if one := n.rates(); one.known {
		all := &t.rates
		all.known = true
		all.out, all.in, all.outBytes, all.inBytes = all.out+one.out, all.in+one.in, all.outBytes+one.outBytes, all.inBytes+one.inBytes
		all.connects, all.disconnects, all.packets = all.connects+one.connects, all.disconnects+one.disconnects, all.packets+one.packets
		all.frames, all.cb = all.frames+one.frames, all.cb+one.cb
	}
	for _, ns := range r.Namespaces {
		sum := t.namespaces[ns.Name]
		if sum == nil {
			sum = &[3]int{}
			t.namespaces[ns.Name] = sum
		}
		sum[0], sum[1], sum[2] = sum[0]+ns.Sockets, sum[1]+ns.Rooms, sum[2]+1
	}
	for what, count := range r.Losses {
		t.losses[what] += count
	}
}

func (t *totals) doc() doc {
	d := doc{
		"nodes": t.nodes, "sockets": t.sockets, "rooms": t.rooms, "queue": short(float64(t.queued)), "waiting": t.waiting,
		"ws": t.ws, "polling": t.polling, "upgrading": t.upgrading, "other": t.other, "entering": t.entering, "held_back": t.heldBack, "clients_queue": short(float64(t.cQueued)),
		"connections": t.connections, "disconnections": t.disconnections,
	}
	t.rates.addTo(d)
	return d
}

// namespaceDoc returns the namespaces with most sockets.
func (t *totals) namespaceDoc() raw {
	type namespace struct {
		namespaceReport
		Nodes int `json:"nodes"`
	}
	list := []namespace{}
	for name, sum := range t.namespaces {
		list = append(list, namespace{namespaceReport{name, sum[0], sum[1]}, sum[2]})
	}
	slices.SortFunc(list, func(a, b namespace) int {
		return cmp.Or(cmp.Compare(b.Sockets, a.Sockets), cmp.Compare(a.Name, b.Name))
	})
	return rawOf(list[:min(len(list), reportNamespaces)])
}

func (t *totals) lossDoc() doc {
	d := doc{}
	for what, count := range t.losses {
		d[what] = count
	}
	return d
}

// roomsOf adds up the largest rooms that nodes have reported. A room that is spread over
// many nodes, and among the largest on none of them, is missing, or counts less.
func roomsOf(g *gatherer) doc {
	var answers []answerOf[*Rooms]
	partial := false
	for id, n := range g.nodes {
		if n.linked && n.largest != nil {
			answers = append(answers, answerOf[*Rooms]{id, &Rooms{Rooms: n.largest}})
			partial = partial || n.partial || len(n.largest) >= reportRooms
		}
	}
	rooms := sum(answers)
	slices.SortFunc(rooms, bySize)
	return doc{"largest": rawOf(rooms[:min(len(rooms), viewRooms)]), "partial": partial}
}
