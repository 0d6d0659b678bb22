package adminui

import (
	"context"
	"encoding/json"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

const (
	gatherTime = 3 * time.Second // how long to wait for other servers
	// renewTime is the shortest time between two snapshots that pages get because events
	// were left out.
	renewTime    = 5 * time.Second
	maxSnapshot  = 8 << 20   // bytes of the descriptions in one snapshot
	maxBatchSize = 256 << 10 // bytes of the events in one message
)

// publish sends events, in batches.
func (ui *UI) publish(events []event, lost bool) {
	for len(events) > 0 || lost {
		n, size := 0, 0
		for n < len(events) && size < maxBatchSize {
			size += len(events[n].Args)
			n++
		}
		ui.seq++
		m := message{Kind: kindEvents, From: ui.from, Seq: ui.seq, Events: events[:n], Lost: lost}
		events, lost = events[n:], false
		ui.received(m)
		ui.toOthers(m)
	}
}

// snapshot describes the sockets of this server that pages see, in their state after the
// batches so far.
func (ui *UI) snapshot() message {
	events, lost, sockets := ui.live.snapshot()
	ui.publish(events, lost)
	m := message{Kind: kindSnapshot, From: ui.from, Seq: ui.seq}
	if mesh := ui.mesh(); mesh != nil {
		m.Server = mesh.Servers()[0]
	}
	size := 0
	for _, s := range sockets {
		text := encoded(s)
		if size += len(text); size > maxSnapshot {
			break
		}
		m.Sockets = append(m.Sockets, text)
	}
	return m
}

// gathering collects a snapshot of all servers.
type gathering struct {
	pages   []string // ids of the pages that need it
	answers []message
	others  []json.RawMessage // sockets of Node servers
	missing bool              // a server has not answered
}

// gather asks for a snapshot if pages need one. Events are kept for them meanwhile.
func (ui *UI) gather(now time.Time) {
	mesh := ui.mesh()
	if ui.gathering || mesh == nil {
		return
	}
	g := gathering{}
	for id, p := range ui.pages {
		if !p.ready {
			g.pages = append(g.pages, id)
		}
	}
	if len(g.pages) == 0 {
		return
	}
	own := ui.snapshot()
	g.answers = append(g.answers, own)
	request := message{Kind: kindSnapshot, Server: own.Server, From: ui.from}
	known, foreign := len(ui.members.known), ui.members.foreign
	ui.asked = now
	ui.gathering = ui.goWork(func() {
		g.ask(ui.ctx, mesh, request)
		g.missing = len(g.answers) <= known
		if foreign {
			g.others = ui.foreign.list(time.Now(), func() ([]json.RawMessage, int) { return ui.foreignSockets(ui.ctx) })
		}
		select {
		case ui.gathered <- g:
		case <-ui.ctx.Done():
		}
	})
}

// ask collects the answers of the other servers. Servers that do not answer are Node's, or
// busy.
func (g *gathering) ask(ctx context.Context, mesh core.Adapter, request message) {
	ctx, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	answers, _ := mesh.ServerSideEmitWithAck(ctx, request.sent()).Wait()
	for _, p := range answers {
		value, err := siovalue.Decode(p, siovalue.AsBuffer)
		if err != nil {
			continue
		}
		if m, err := readMessage(value); err == nil {
			g.answers = append(g.answers, m)
		}
	}
}

// foreignList is the list of the sockets of Node servers, as of the last request. Only one
// gathering at a time uses it.
type foreignList struct {
	sockets []json.RawMessage
	again   time.Time // when to ask for them again
}

// foreignPace is how long the list is kept for each socket beyond foreignFree that was
// looked at. All servers answer with all their sockets, and asking for 100,000 with each
// snapshot would be most of what the mesh does.
const (
	foreignFree = 5000
	foreignPace = time.Millisecond
)

// list returns the list, and renews it with ask if it is due. ask also returns how many
// sockets it has looked at.
func (f *foreignList) list(now time.Time, ask func() (found []json.RawMessage, all int)) []json.RawMessage {
	if !now.Before(f.again) {
		found, all := ask()
		f.sockets, f.again = found, now.Add(time.Duration(max(0, all-foreignFree))*foreignPace)
	}
	return f.sockets
}

// foreignSockets describes the sockets of Node servers that the original has marked: it
// stores client and transport in their data. It also counts all sockets that it has looked
// at.
func (ui *UI) foreignSockets(ctx context.Context) (found []json.RawMessage, all int) {
	ctx, cancel := context.WithTimeout(ctx, gatherTime) // for all namespaces together: answers come soon
	defer cancel()
	for _, open := range ui.server.Namespaces() {
		sockets, _ := open.Adapter.FetchSockets(ctx, core.Target{}).Wait()
		all += len(sockets)
		for _, s := range sockets {
			if d, marked := describeForeign(s, open.Name); marked && len(found) < ui.o.MaxSockets {
				found = append(found, encoded(d))
			}
		}
	}
	return found, all
}

// deliver sends pages their snapshot, and the events after it.
func (ui *UI) deliver(g gathering) {
	ui.gathering = false
	ui.resync = ui.resync || g.missing
	covered := map[string]uint64{}
	sockets, size := []json.RawMessage{}, 0
	for _, m := range append(g.answers, message{Sockets: g.others}) {
		covered[m.From] = m.Seq
		for _, s := range m.Sockets {
			if size += len(s); size <= maxSnapshot {
				sockets = append(sockets, s)
			}
		}
	}
	all := newEvent("all_sockets", list(sockets...))
	for _, id := range g.pages {
		if p := ui.pages[id]; p != nil {
			ui.toPages([]string{id}, all)
			ui.catchUp(p, covered)
		}
	}
}

// catchUp sends a page the events after its snapshot.
func (ui *UI) catchUp(p *page, covered map[string]uint64) {
	p.covered = covered
	waiting := p.waiting
	p.waiting, p.events = nil, 0
	if p.overflow {
		p.overflow = false
		return // it needs another snapshot
	}
	p.ready = true
	for _, m := range waiting {
		if !p.wants(m) {
			continue
		}
		for _, e := range m.Events {
			ui.toPages([]string{p.id}, e)
		}
	}
}

// renew takes a new snapshot for all pages, if events were left out.
func (ui *UI) renew(now time.Time) {
	if !ui.resync || len(ui.pages) == 0 || ui.gathering || now.Sub(ui.asked) < renewTime {
		return
	}
	ui.resync = false
	for _, p := range ui.pages {
		p.ready = false
	}
}
