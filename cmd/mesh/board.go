package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// boardPause is the least time between two updates.
const boardPause = 100 * time.Millisecond

// card is what servers tell each other of themselves, and pages of all.
type card struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	Clients int    `json:"clients"` // -1 if the server did not say
}

// view is what a page is told: the `state` event.
type view struct {
	Me      card   `json:"me"`
	Servers []card `json:"servers"` // by name
	Total   int    `json:"total"`   // clients of all servers
	// Demo is what the page can do more in a demo.
	Demo *demoView `json:"demo,omitempty"`
}

// board keeps the cards of all servers. Whenever something changes it tells the
// other servers, if it was here, and the local pages: at once if nothing was
// said for a while, and then not more often than every boardPause.
type board struct {
	server *server
	watch  *peerWatch
	demo   *demoView
	wake   chan struct{} // of one place: something changed

	mu       sync.Mutex
	cards    map[string]card // of other servers, by id
	announce bool            // this server's card has to be told to the others
}

func newBoard(s *server, w *peerWatch, demo *demoView) *board {
	b := &board{server: s, watch: w, demo: demo, wake: make(chan struct{}, 1), cards: map[string]card{}}
	s.io.On("mesh:card", func(args ...any) { b.receive(args) })
	return b
}

// clientsChanged is called when a client has come or gone.
func (b *board) clientsChanged() { b.change(true) }

// change wakes the board, to tell the others about this server if announce is
// set.
func (b *board) change(announce bool) {
	b.mu.Lock()
	b.announce = b.announce || announce
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// receive takes the card of another server: one text, JSON.
func (b *board) receive(args []any) {
	text, ok := at[string](args, 0)
	var c card
	if !ok || json.Unmarshal([]byte(text), &c) != nil || c.ID == "" {
		return
	}
	b.mu.Lock()
	b.cards[c.ID] = c
	b.mu.Unlock()
	b.change(false)
}

// hasPage tells whether one of the other servers has its page on that host and port.
func (b *board) hasPage(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cards {
		if page, err := url.Parse(c.URL); err == nil && page.Host != "" && page.Host == host {
			return true
		}
	}
	return false
}

// run updates everybody until ctx ends.
func (b *board) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		// A peer that comes has to be told who we are.
		select {
		case <-ctx.Done():
			return
		case <-b.watch.changed:
			b.change(true)
			continue
		case <-b.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		b.update()
		pause.Reset(boardPause)
	}
}

func (b *board) update() {
	b.mu.Lock()
	announce := b.announce
	b.announce = false
	b.mu.Unlock()
	v := b.view()
	if announce {
		if text, err := json.Marshal(v.Me); err == nil {
			b.server.io.ServerSideEmit("mesh:card", string(text))
		}
	}
	b.server.io.Local().To(pageRoom).Emit("state", v)
}

// view puts the servers of this moment together, and forgets the cards of those
// that are gone.
func (b *board) view() view {
	s := b.server
	me := card{ID: s.mesh.ID(), Name: s.name, URL: s.url, Clients: s.io.Sockets().Sockets().Len()}
	v := view{Me: me, Servers: []card{me}, Demo: b.demo}
	peers := s.mesh.Peers()

	b.mu.Lock()
	for _, p := range peers {
		v.Servers = append(v.Servers, b.cardOf(p))
	}
	b.forgetOthers(peers)
	b.mu.Unlock()

	slices.SortFunc(v.Servers, func(x, y card) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	for _, c := range v.Servers {
		v.Total += max(c.Clients, 0)
	}
	return v
}

// cardOf is the card of a peer, or one with what the mesh knows of it.
func (b *board) cardOf(p core.PeerInfo) card {
	if c, ok := b.cards[p.ID]; ok {
		return c
	}
	return card{ID: p.ID, Name: cmp.Or(p.Address, p.ID), Clients: -1}
}

// forgetOthers keeps the board from growing. A card may come just before its
// peer is known, so a few of unknown servers are kept.
func (b *board) forgetOthers(peers []core.PeerInfo) {
	if len(b.cards) <= 2*len(peers)+16 {
		return
	}
	for id := range b.cards {
		if !slices.ContainsFunc(peers, func(p core.PeerInfo) bool { return p.ID == id }) {
			delete(b.cards, id)
		}
	}
}
