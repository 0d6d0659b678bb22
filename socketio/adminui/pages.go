package adminui

import (
	"log/slog"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// pagesRoom is the room of all pages that are connected to servers with this package.
// Broadcasts to the pages of Node servers exclude it.
const pagesRoom = "mesh:adminui:pages"

// maxWaiting is how many events may wait for a page until it has its snapshot.
const maxWaiting = 10_000

// page is a page that is connected to this server. The loop owns it.
type page struct {
	id       string
	ready    bool              // it has its snapshot
	covered  map[string]uint64 // the last batch of each server that the snapshot contains, by message.From
	waiting  []message         // batches that came since the snapshot was asked for
	events   int               // number of events in waiting
	overflow bool              // there were too many events
}

// hold keeps a batch until the page has its snapshot.
func (p *page) hold(m message) {
	if p.events += len(m.Events); p.events > maxWaiting {
		p.waiting, p.overflow = nil, true
		return
	}
	p.waiting = append(p.waiting, m)
}

// wants reports whether the page's snapshot does not contain a batch.
func (p *page) wants(m message) bool { return m.Seq > p.covered[m.From] }

// stream is the position in the batches of a server.
type stream struct {
	server string
	seq    uint64
}

// inbox collects what happens until the loop handles it.
type inbox struct {
	mu     sync.Mutex
	what   news
	events int
}

// news is what the loop takes from the inbox.
type news struct {
	arrived  []*page
	left     []string // ids of pages
	messages []message
	asks     []snapshotRequest
	dropped  bool // there were too many messages or events
}

// snapshotRequest is a request of another server for a snapshot.
type snapshotRequest struct {
	from  message
	reply func(message)
}

const (
	maxInbox       = 4096   // messages
	maxInboxEvents = 50_000 // events in these messages
)

func (i *inbox) take() news {
	i.mu.Lock()
	defer i.mu.Unlock()
	what := i.what
	i.what, i.events = news{}, 0
	return what
}

func (i *inbox) add(change func(n *news)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.what)
}

func (i *inbox) message(m message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.what.messages) >= maxInbox || i.events+len(m.Events) > maxInboxEvents {
		i.what.dropped = true
		return
	}
	i.events += len(m.Events)
	i.what.messages = append(i.what.messages, m)
}

func (i *inbox) ask(r snapshotRequest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.what.asks) < maxInbox {
		i.what.asks = append(i.what.asks, r)
	}
}

// connected is the namespace's listener of "connection": a page was let in.
func (ui *UI) connected(args ...any) {
	s, ok := first(args).(*socket.Socket)
	if !ok || ui.ended() {
		return
	}
	id := string(s.Id())
	ui.log.Info("admin page connected", "socket", id, "remote", s.Handshake().Address)
	_ = s.On("disconnect", func(...any) {
		ui.inbox.add(func(n *news) { n.left = append(n.left, id) })
		ui.awake()
	})
	ui.takeCommands(s)
	s.Join(pagesRoom)
	if !ui.o.NoAuth && !ui.hasSession(s) {
		_ = s.Emit("session", ui.sessions.issue(time.Now()))
	}
	_ = s.Emit("config", map[string]any{"supportedFeatures": ui.o.features()})
	ui.inbox.add(func(n *news) { n.arrived = append(n.arrived, &page{id: id}) })
	if !s.Connected() { // it may have disconnected before it had a listener
		ui.inbox.add(func(n *news) { n.left = append(n.left, id) })
	}
	ui.awake()
}

// heard is the listener of the event with which servers send messages.
func (ui *UI) heard(args ...any) {
	if ui.ended() {
		return
	}
	m, err := readMessage(first(args))
	if err != nil {
		ui.limiter.Log(ui.log, slog.LevelWarn, "bad message", "message of another server's admin UI dropped", "error", err)
		return
	}
	switch m.Kind {
	case kindSnapshot:
		reply, asked := args[len(args)-1].(socket.Ack)
		if asked {
			ui.inbox.ask(snapshotRequest{m, func(m message) { reply([]any{m.text()}, nil) }})
		}
	case kindCommand:
		if m.Command != nil && !ui.o.ReadOnly {
			_ = ui.perform(*m.Command, true)
		}
		return
	default:
		ui.inbox.message(m)
	}
	ui.awake()
}

// everyPage returns the ids of all pages.
func (ui *UI) everyPage() []string {
	ids := make([]string, 0, len(ui.pages))
	for id := range ui.pages {
		ids = append(ids, id)
	}
	return ids
}

// toPages sends an event to pages of this server. It does not wait for them: what a page
// does not take waits in its client's bounded queue, and events of traffic are volatile.
func (ui *UI) toPages(ids []string, e event) {
	mesh := ui.mesh()
	if len(ids) == 0 || mesh == nil {
		return
	}
	mesh.Broadcast(e.payload(), core.Target{Rooms: ids, Flags: core.Flags{Local: true, Volatile: e.traffic()}})
}

// received passes a batch of events on to the pages whose snapshots do not contain it.
func (ui *UI) received(m message) {
	if m.From != ui.from {
		last, known := ui.streams[m.From]
		ui.resync = ui.resync || known && m.Seq != last.seq+1
		ui.streams[m.From] = stream{m.Server, m.Seq}
	}
	ui.resync = ui.resync || m.Lost
	var ids []string
	for id, p := range ui.pages {
		switch {
		case !p.ready:
			p.hold(m)
		case p.wants(m):
			ids = append(ids, id)
		}
	}
	for _, e := range m.Events {
		ui.toPages(ids, e)
	}
}

// forgetStreams removes the streams of servers that have left.
func (ui *UI) forgetStreams() {
	for from, s := range ui.streams {
		if !ui.members.has(s.server) {
			delete(ui.streams, from)
		}
	}
}
