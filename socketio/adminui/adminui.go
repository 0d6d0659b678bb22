package adminui

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/socketio"
)

// flushDelay is how long events are collected before they are sent.
const flushDelay = 50 * time.Millisecond

// ErrInstrumented says that the namespace for pages has an admin UI already.
var ErrInstrumented = errors.New("the server is instrumented already")

// UI is the server side of the admin UI on one server. Close ends it.
type UI struct {
	o        Options // with defaults
	server   *socketio.Constructor
	io       *socket.Server
	nsp      socket.Namespace // the namespace of the pages
	sessions sessions
	attempts attempts
	limiter  loglimit.Limiter
	audit    loglimit.Limiter
	log      *slog.Logger

	logins        chan struct{} // a place for each login in progress
	loginsWaiting atomic.Int64

	inbox      inbox
	live       *live
	namespaces namespaces
	wake       chan struct{} // signals that the inbox, or live, has something

	ctx    context.Context // ends with Close
	cancel func()
	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup

	gathered chan gathering

	// The loop owns the following fields.
	from       string // identifies this UI in messages
	seq        uint64 // the number of the last batch of events
	members    *members
	pages      map[string]*page
	streams    map[string]stream // by message.From
	statistics *statistics
	watched    bool      // a page is connected, here or to another server
	gathering  bool      // a snapshot of all servers is being taken
	asked      time.Time // when the last snapshot was taken
	foreign    foreignList
	resync     bool // pages need a new snapshot
	statsDue   bool
}

// Instrument lets pages of the admin UI connect to a server of a mesh. The server must have
// its adapter from the mesh, and every server of the mesh should be instrumented with the
// same options. Errors are [*core.ConfigError], or wrap [ErrInstrumented].
//
// Its cost cannot be measured while no page is connected to any server. Close the UI before
// the server.
func Instrument(io *socket.Server, o Options) (*UI, error) {
	if io == nil {
		return nil, &core.ConfigError{Field: "adminui.Instrument", Value: nil, Allowed: "a *socket.Server"}
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	server, ok := io.Adapter().(*socketio.Constructor)
	if !ok {
		return nil, &core.ConfigError{Field: "adminui.Instrument", Value: fmt.Sprintf("%T", io.Adapter()), Allowed: "a server whose adapter is a mesh's: call Configure of the mesh before socket.NewServer"}
	}
	o = o.withDefaults()
	nsp := io.Of(o.Namespace, nil)
	mesh := socketio.Of(nsp)
	if mesh == nil {
		return nil, &core.ConfigError{Field: "adminui.Options.Namespace", Value: o.Namespace, Allowed: "a namespace of the mesh"}
	}
	if len(nsp.Listeners(wireEvent)) > 0 {
		return nil, fmt.Errorf("adminui: namespace %s: %w", o.Namespace, ErrInstrumented)
	}
	sessions, err := newSessions(o)
	if err != nil {
		return nil, err
	}
	ui := newUI(io, server, nsp, sessions, o)
	if ui.o.ServerID == "" {
		ui.o.ServerID = mesh.Servers()[0]
	}
	ui.from = ui.o.ServerID + "#" + rand.Text()
	ui.statistics.id = ui.o.ServerID
	if o.NoAuth {
		ui.log.Warn("admin UI lets everybody in who can reach the server", "namespace", o.Namespace, "setting", "adminui.Options.NoAuth")
	}
	ui.install()
	ui.goWork(ui.run)
	return ui, nil
}

func newUI(io *socket.Server, server *socketio.Constructor, nsp socket.Namespace, sessions sessions, o Options) *UI {
	ui := &UI{
		o: o, server: server, io: io, nsp: nsp, sessions: sessions,
		log:        o.Logger,
		audit:      loglimit.Limiter{Burst: 100},
		logins:     make(chan struct{}, maxLogins),
		wake:       make(chan struct{}, 1),
		gathered:   make(chan gathering),
		members:    newMembers(),
		pages:      map[string]*page{},
		streams:    map[string]stream{},
		statistics: &statistics{server: server, began: time.Now()},
	}
	ui.ctx, ui.cancel = context.WithCancel(context.Background())
	ui.live = &live{o: o, wake: ui.awake}
	ui.namespaces = namespaces{io: io, server: server, pages: nsp, live: ui.live}
	return ui
}

// install adds the middleware and the listeners. It removes the middleware of a UI that was
// closed, which would let no page in.
func (ui *UI) install() {
	admit := socket.NamespaceMiddleware(ui.admit)
	code := reflect.ValueOf(admit).Pointer()
	_, _ = ui.nsp.Fns().RangeAndSplice(func(fn socket.NamespaceMiddleware, i int) (bool, int, int, []socket.NamespaceMiddleware) {
		return reflect.ValueOf(fn).Pointer() == code, i, 1, nil
	})
	ui.nsp.Use(admit)
	_ = ui.nsp.On("connection", ui.connected)
	_ = ui.nsp.On(wireEvent, ui.heard)
}

// Close disconnects the pages of this server and lets no more in. It waits until no
// goroutine of the UI runs any more. It is idempotent.
func (ui *UI) Close() {
	ui.mu.Lock()
	first := !ui.closed
	ui.closed = true
	ui.mu.Unlock()
	ui.cancel()
	ui.work.Wait()
	if !first {
		return
	}
	ui.nsp.EventEmitter().RemoveListener("connection", ui.connected)
	ui.nsp.EventEmitter().RemoveListener(wireEvent, ui.heard)
	if mesh := ui.mesh(); mesh != nil {
		mesh.DisconnectSockets(core.Target{Flags: core.Flags{Local: true}}, false)
	}
}

func (ui *UI) ended() bool {
	ui.mu.Lock()
	defer ui.mu.Unlock()
	return ui.closed
}

// goWork runs f in a goroutine for which Close waits. It returns false after Close.
func (ui *UI) goWork(f func()) bool {
	ui.mu.Lock()
	defer ui.mu.Unlock()
	if ui.closed {
		return false
	}
	ui.work.Go(f)
	return true
}

// mesh returns the mesh's adapter of the namespace of the pages, which reaches all servers.
func (ui *UI) mesh() core.Adapter { return socketio.Of(ui.nsp) }

// awake makes the loop look into the inbox.
func (ui *UI) awake() {
	select {
	case ui.wake <- struct{}{}:
	default:
	}
}

// run is the loop. All decisions of the UI are made here, one after the other.
func (ui *UI) run() {
	defer ui.stopWatching()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var flush <-chan time.Time
	for {
		select {
		case <-ui.ctx.Done():
			ui.sayGoodbye()
			return
		case <-ui.wake:
		case now := <-ticker.C:
			ui.tick(now)
		case <-flush:
			flush = nil
			ui.publish(ui.live.cut())
		case g := <-ui.gathered:
			ui.deliver(g)
		}
		ui.step(time.Now())
		if flush == nil && ui.live.waiting() {
			flush = time.After(flushDelay)
		}
	}
}

// step handles what is in the inbox, and what is due.
func (ui *UI) step(now time.Time) {
	in := ui.inbox.take()
	for _, p := range in.arrived {
		ui.pages[p.id] = p
		p.ready = ui.o.Mode == Production
		ui.statsDue = true
	}
	for _, id := range in.left {
		delete(ui.pages, id)
	}
	if in.dropped {
		ui.resync = true
	}
	for _, m := range in.messages {
		ui.handle(m, now)
	}
	for _, ask := range in.asks {
		ui.handle(message{Kind: kindWatch, Server: ask.from.Server, From: ask.from.From, Pages: 1}, now)
	}
	ui.adjust(now)
	for _, ask := range in.asks {
		ask.reply(ui.snapshot())
	}
	ui.gather(now)
}

// handle handles a message of another server.
func (ui *UI) handle(m message, now time.Time) {
	if m.From == ui.from {
		return
	}
	ui.members.spoke(m.Server)
	switch m.Kind {
	case kindHello:
		ui.members.sayHello = ui.members.sayHello || m.Ask
	case kindWatch:
		if ui.members.watches(m.Server, m.Pages, now) {
			ui.statsDue = true
		}
	case kindStats:
		for _, e := range m.Events {
			ui.toPages(ui.everyPage(), e)
		}
	case kindEvents:
		ui.received(m)
	}
}

// tick runs every two seconds.
func (ui *UI) tick(now time.Time) {
	mesh := ui.mesh()
	if mesh == nil {
		return
	}
	foreign := ui.members.foreign
	changed, ask := ui.members.update(mesh.Servers()[1:], now)
	if changed || foreign != ui.members.foreign {
		ui.resync = true
		ui.statsDue = true
		ui.forgetStreams()
	}
	switch {
	case ask:
		ui.send(message{Kind: kindHello, Ask: true})
	case ui.members.sayHello:
		ui.send(message{Kind: kindHello})
	}
	ui.members.sayHello = false
	if len(ui.pages) > 0 {
		ui.send(message{Kind: kindWatch, Pages: len(ui.pages)})
	}
	if !ui.watched {
		return
	}
	ui.statsDue = true
	if ui.o.Mode == Development {
		ui.share()
		ui.live.look()
		ui.namespaces.fill(found)
		ui.renew(now)
	}
}

// adjust starts to watch when the first page is connected to any server, and stops after
// the last one.
func (ui *UI) adjust(now time.Time) {
	if pages := len(ui.pages); (pages > 0) != (ui.members.announced > 0) {
		ui.members.announced = pages
		ui.send(message{Kind: kindWatch, Pages: pages})
	}
	watched := len(ui.pages) > 0 || len(ui.members.watching) > 0 || ui.members.foreign
	switch {
	case watched && !ui.watched:
		ui.startWatching()
	case !watched && ui.watched:
		ui.stopWatching()
	}
	if ui.watched && ui.statsDue {
		ui.sendStats(now)
	}
	ui.statsDue = false
}

// startWatching follows the sockets of this server.
func (ui *UI) startWatching() {
	ui.watched, ui.statsDue = true, true
	if ui.o.Mode == Development {
		ui.share()
		ui.namespaces.begin()
	}
}

// stopWatching removes everything from the server that startWatching has added.
func (ui *UI) stopWatching() {
	if ui.watched && ui.o.Mode == Development {
		ui.namespaces.end()
	}
	ui.watched = false
	ui.statistics.forget()
}

// share sets this server's share of the sockets and events that pages get.
func (ui *UI) share() {
	servers := 1
	if mesh := ui.mesh(); mesh != nil {
		servers = max(1, mesh.ServerCount())
	}
	ui.live.begin(max(1, ui.o.MaxSockets/servers), max(1, ui.o.MaxEvents/servers))
}

func (ui *UI) sendStats(now time.Time) {
	e := newEvent("server_stats", encoded(ui.statistics.take(now)))
	ui.toPages(ui.everyPage(), e)
	ui.toOthers(message{Kind: kindStats, Events: []event{e}})
}

// toOthers sends a message to the servers that have pages, if there are any.
func (ui *UI) toOthers(m message) {
	if len(ui.members.watching) > 0 {
		ui.send(m)
	}
	mesh := ui.mesh()
	if !ui.members.foreign || mesh == nil {
		return
	}
	for _, e := range m.Events {
		mesh.Broadcast(e.payload(), core.Target{Except: []string{pagesRoom}, Flags: core.Flags{Volatile: e.traffic()}})
	}
}

// send sends a message to the other servers.
func (ui *UI) send(m message) {
	m.From = ui.from
	if mesh := ui.mesh(); mesh != nil {
		m.Server = mesh.Servers()[0]
		mesh.ServerSideEmit(m.sent())
	}
}

// sayGoodbye tells the other servers that there are no pages here any more.
func (ui *UI) sayGoodbye() {
	if len(ui.pages) > 0 {
		ui.send(message{Kind: kindWatch, Pages: 0})
	}
}
