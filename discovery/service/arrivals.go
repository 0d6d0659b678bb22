package service

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// arrivals are the TCP connections that have not become a WebSocket yet. Where
// there are too many, the oldest is closed, so that silent ones keep nobody
// out.
type arrivals struct {
	limit int
	alive sync.WaitGroup // one for each, until net/http has done with it

	mu    sync.Mutex
	order list.List // of net.Conn, the oldest first
	place map[net.Conn]*list.Element
}

// track follows the life of a connection: it is an [http.Server]'s ConnState.
func (a *arrivals) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.alive.Add(1)
		if oldest := a.add(conn); oldest != nil {
			oldest.Close()
		}
	case http.StateHijacked, http.StateClosed:
		a.remove(conn)
		a.alive.Done()
	}
}

func (a *arrivals) add(conn net.Conn) (oldest net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.place == nil {
		a.place = make(map[net.Conn]*list.Element)
	}
	if a.order.Len() >= a.limit {
		oldest = a.order.Remove(a.order.Front()).(net.Conn)
		delete(a.place, oldest)
	}
	a.place[conn] = a.order.PushBack(conn)
	return oldest
}

func (a *arrivals) remove(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if place, waiting := a.place[conn]; waiting {
		a.order.Remove(place)
		delete(a.place, conn)
	}
}
