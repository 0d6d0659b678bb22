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

// card describes a server: servers send theirs to each other, and pages get the cards of
// all.
type card struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	Clients int    `json:"clients"` // -1 if the server has not sent its card
}

// view is the `state` event for pages.
type view struct {
	Me      card   `json:"me"`
	Servers []card `json:"servers"` // by name
	Total   int    `json:"total"`   // clients of all servers
	// Demo is set on the pages of a demo.
	Demo *demoView `json:"demo,omitempty"`
}

// board keeps the cards of all servers. When something changes it sends this server's card
// to the others, if the change was here, and the new view to the local pages: at once if
// the last update is boardPause ago, else when it is.
type board struct {
	server *server
	watch  *peerWatch
	demo   *demoView
	wake   chan struct{} // has a value when something has changed

	mu       sync.Mutex
	cards    map[string]card // of other servers, by id
	announce bool            // this server's card must be sent to the others
}

func newBoard(s *server, w *peerWatch, demo *demoView) *board {
	b := &board{server: s, watch: w, demo: demo, wake: make(chan struct{}, 1), cards: map[string]card{}}
	s.io.On("mesh:card", func(args ...any) { b.receive(args) })
	return b
}

// clientsChanged is called when a client has come or gone.
func (b *board) clientsChanged() { b.change(true) }

// change wakes the board. If announce is set, it also sends this server's card to the
// others.
func (b *board) change(announce bool) {
	b.mu.Lock()
	b.announce = b.announce || announce
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// receive handles the card of another server: one argument, a JSON text.
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

// hasPage reports whether another server has its page on that host and port.
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

// run sends updates until ctx ends.
func (b *board) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		// A new peer must get this server's card.
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

// view makes the view of the current servers, and forgets the cards of servers that are
// gone.
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

// cardOf returns the card of a peer, or one with what the mesh knows of it.
func (b *board) cardOf(p core.PeerInfo) card {
	if c, ok := b.cards[p.ID]; ok {
		return c
	}
	return card{ID: p.ID, Name: cmp.Or(p.Address, p.ID), Clients: -1}
}

// forgetOthers limits the number of cards. A card may arrive just before its peer is known,
// so a few cards of unknown servers are kept.
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
