package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// The views of mesh top.
const (
	viewNodes = iota
	viewLinks
	viewRooms
	viewProblems
	viewCount
)

// topModel is the state of mesh top: what it has seen, and how it shows that.
type topModel struct {
	before, now *ops.Cluster // the last two looks
	rooms       *ops.Rooms   // nil before the first look at rooms
	err         error        // why the last look has failed
	keyless     bool         // there is no terminal to press keys on

	view    int
	order   [viewCount]int // the order of each view, an index of its orders
	reverse bool
}

// see takes the result of a look. After a failed look, the previous one is still shown.
func (m *topModel) see(l look) {
	if m.err = l.err; l.err != nil {
		return
	}
	// Two looks within a moment get the same answer, from which no rates follow.
	if m.now == nil || !m.now.Time.Equal(l.cluster.Time) {
		m.before, m.now = m.now, l.cluster
	}
	if l.rooms != nil {
		m.rooms = l.rooms
	}
}

// key handles a key, and reports whether to stop.
func (m *topModel) key(key byte) (stop bool) {
	const ctrlC, ctrlD = 3, 4
	switch key {
	case 'q', 'Q', ctrlC, ctrlD:
		return true
	case 'n':
		m.view = viewNodes
	case 'l':
		m.view = viewLinks
	case 'r':
		m.view = viewRooms
	case 'p':
		m.view = viewProblems
	case 's':
		if n := len(m.orders()); n > 0 {
			m.order[m.view] = (m.order[m.view] + 1) % n
			m.reverse = false
		}
	case 'S':
		m.reverse = !m.reverse
	}
	return false
}

// orders returns the names of the view's orders. The first one is used until s is pressed.
func (m *topModel) orders() (names []string) {
	switch m.view {
	case viewNodes:
		return namesOf(nodeOrders)
	case viewLinks:
		return namesOf(linkOrders)
	case viewRooms:
		return namesOf(roomOrders)
	}
	return nil
}

// help describes the keys.
func (m *topModel) help() string {
	if m.keyless {
		return "Ctrl-C stops"
	}
	text := "q quit  n nodes  l links  r rooms  p problems"
	if names := m.orders(); names != nil {
		order := names[m.order[m.view]]
		if m.reverse {
			order += ", reversed"
		}
		text += "  s sort (" + order + ")  S reverse"
	}
	return text
}

// print writes the view.
func (m *topModel) print(out io.Writer) error {
	now := m.now
	state := "whole"
	if !now.Whole {
		state = "NOT WHOLE: " + plural(len(now.Problems), "problem")
	}
	sockets := 0
	for _, n := range now.Nodes {
		sockets += n.Sockets
	}
	fmt.Fprintf(out, "%s  %s, %s, %s\n\n", now.Time.Local().Format(time.TimeOnly), plural(len(now.Nodes)+len(now.References), "node"), plural(sockets, "socket"), state)
	switch m.view {
	case viewLinks:
		return m.printLinks(out)
	case viewRooms:
		return m.printRooms(out)
	case viewProblems:
		if now.Whole {
			fmt.Fprintln(out, "none")
		}
		return printProblems(out, now, "")
	}
	return m.printNodes(out)
}

// order is a way to sort rows.
type order[T any] struct {
	name    string
	compare func(a, b *T) int
}

func namesOf[T any](orders []order[T]) (names []string) {
	for _, o := range orders {
		names = append(names, o.name)
	}
	return names
}

// sorted sorts rows in the view's order. The sort is stable.
func sorted[T any](m *topModel, orders []order[T], rows []T) []T {
	compare := orders[m.order[m.view]].compare
	slices.SortStableFunc(rows, func(a, b T) int {
		if m.reverse {
			return compare(&b, &a)
		}
		return compare(&a, &b)
	})
	return rows
}

// nodeRow is a node, with its rates since the previous look.
type nodeRow struct {
	*ops.Node
	rates
}

// largest returns a comparison by a number, largest first.
func largest[T any](number func(*T) float64) func(a, b *T) int {
	return func(a, b *T) int { return cmp.Compare(number(b), number(a)) }
}

var nodeOrders = []order[nodeRow]{
	{"id", func(a, b *nodeRow) int { return cmp.Compare(a.ID, b.ID) }},
	{"address", func(a, b *nodeRow) int { return cmp.Compare(a.Address, b.Address) }},
	{"sockets", largest(func(n *nodeRow) float64 { return float64(n.Sockets) })},
	{"out", largest(func(n *nodeRow) float64 { return n.outMessages })},
	{"in", largest(func(n *nodeRow) float64 { return n.inMessages })},
	{"queue", largest(func(n *nodeRow) float64 { return float64(n.queued) })},
	{"round trip", largest(func(n *nodeRow) float64 { return n.roundTrip })},
}

// printNodes prints each node's rates since the previous look.
func (m *topModel) printNodes(out io.Writer) error {
	earlier := map[string]*ops.Node{}
	if m.before != nil {
		for i := range m.before.Nodes {
			earlier[m.before.Nodes[i].ID] = &m.before.Nodes[i]
		}
	}
	rows := make([]nodeRow, len(m.now.Nodes))
	for i := range m.now.Nodes {
		n := &m.now.Nodes[i]
		rows[i] = nodeRow{n, ratesOf(earlier[n.ID], n)}
	}
	return table(out, "NODE ADDRESS READY WS POLLING OUT/S IN/S QUEUE RTT NEW/S SOCKETS ROOMS OUT IN DROPPED LOST", func(row func(...any)) {
		for _, n := range sorted(m, nodeOrders, rows) {
			webSocket, polling := clientsText(n.Clients)
			// The most important columns come first, for narrow terminals.
			row(n.ID, n.Address, readyText(n.Node), webSocket, polling, n.text(n.outMessages), n.text(n.inMessages),
				bytesText(float64(n.queued)), millisText(n.roundTrip), n.text(n.newClients), n.Sockets, n.Rooms,
				n.bytes(n.outBytes), n.bytes(n.inBytes), n.Counters.Dropped, n.Counters.Lost)
		}
	})
}

// clientsText returns the number of clients by transport, and how many of the polling ones
// are upgrading.
func clientsText(c *ops.Clients) (webSocket, polling string) {
	if c == nil {
		return "-", "-"
	}
	polling = fmt.Sprint(c.Polling)
	if c.Upgrading > 0 {
		polling += fmt.Sprintf(" (%d up)", c.Upgrading)
	}
	return fmt.Sprint(c.WebSocket), polling
}

// linkRow is one end of a link.
type linkRow struct {
	node string
	*ops.Peer
}

var linkOrders = []order[linkRow]{
	{"from", func(a, b *linkRow) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.ID, b.ID)) }},
	{"queue", largest(func(l *linkRow) float64 { return float64(l.QueuedBytes) })},
	{"round trip", largest(func(l *linkRow) float64 { return l.RoundTrip })},
	{"reconnects", largest(func(l *linkRow) float64 { return float64(l.Reconnects) })},
}

func (m *topModel) printLinks(out io.Writer) error {
	var rows []linkRow
	for i := range m.now.Nodes {
		n := &m.now.Nodes[i]
		for j := range n.Peers {
			rows = append(rows, linkRow{n.ID, &n.Peers[j]})
		}
	}
	return table(out, "FROM TO CODEC RTT QUEUE WAITING RECONNECTS SENT RECEIVED UP", func(row func(...any)) {
		for _, l := range sorted(m, linkOrders, rows) {
			row(l.node, l.ID, l.Codec, millisText(l.RoundTrip), bytesText(float64(l.QueuedBytes)), l.QueuedMessages, l.Reconnects,
				l.Sent.Messages, l.Received.Messages, uptimeText(m.now.Time.Sub(l.LinkSince).Seconds()))
		}
	})
}

var roomOrders = []order[ops.Room]{
	{"members", largest(func(r *ops.Room) float64 { return float64(r.Members) })},
	{"nodes", largest(func(r *ops.Room) float64 { return float64(r.Nodes) })},
	{"name", func(a, b *ops.Room) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	}},
}

// printRooms prints the largest rooms of all nodes.
func (m *topModel) printRooms(out io.Writer) error {
	if m.rooms == nil {
		_, err := fmt.Fprintln(out, "looking")
		return err
	}
	return table(out, "MEMBERS NODES NAMESPACE ROOM", func(row func(...any)) {
		for _, r := range sorted(m, roomOrders, slices.Clone(m.rooms.Rooms)) {
			row(r.Members, r.Nodes, r.Namespace, r.Name)
		}
	})
}

// rates are a node's numbers per second, and its queues.
type rates struct {
	known                                      bool
	outMessages, inMessages, outBytes, inBytes float64
	newClients                                 float64
	queued                                     int
	roundTrip                                  float64 // the longest of its links
}

func ratesOf(before, now *ops.Node) rates {
	var r rates
	for _, p := range now.Peers {
		r.queued += p.QueuedBytes
		r.roundTrip = max(r.roundTrip, p.RoundTrip)
	}
	if before == nil || !before.Started.Equal(now.Started) {
		return r
	}
	seconds := now.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return r
	}
	per := func(a, b uint64) float64 { return float64(b-min(a, b)) / seconds }
	b, n := before.Counters, now.Counters
	r.known = true
	r.outMessages, r.inMessages = per(b.SentMessages, n.SentMessages), per(b.ReceivedMessages, n.ReceivedMessages)
	r.outBytes, r.inBytes = per(b.SentBytes, n.SentBytes), per(b.ReceivedBytes, n.ReceivedBytes)
	if before.Clients != nil && now.Clients != nil {
		r.newClients = per(before.Clients.Connections, now.Clients.Connections)
	}
	return r
}

func (r rates) text(v float64) string {
	if !r.known {
		return "-"
	}
	return fmt.Sprintf("%.0f", v)
}

func (r rates) bytes(v float64) string {
	if !r.known {
		return "-"
	}
	return bytesText(v) + "/s"
}
