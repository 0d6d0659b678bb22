package ops

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// SocketQuery selects sockets, in the order of namespace and id.
type SocketQuery struct {
	Namespace string `json:"namespace,omitempty"` // "": all
	Room      string `json:"room,omitempty"`      // only sockets in this room; "": all
	Pattern   string `json:"pattern,omitempty"`   // for their ids, as in [RoomQuery]
	Limit     int    `json:"limit"`
	After     string `json:"after,omitempty"` // only sockets after Next of the previous page
}

// Sockets are sockets of one node or of all nodes, in the order of namespace and id.
type Sockets struct {
	Sockets []Socket `json:"sockets"`
	Matched int      `json:"matched"`        // number of matching sockets: the listed ones and those after them
	Next    string   `json:"next,omitempty"` // After of the next page

	Unanswered []Unanswered `json:"unanswered,omitempty"`
	Cut        bool         `json:"cut,omitempty"` // a node's list was shortened because its answer was too long
	Took       float64      `json:"took_ms,omitempty"`
}

// Socket is a socket of one namespace.
type Socket struct {
	ID        string    `json:"id"`
	Namespace string    `json:"namespace"`
	Node      string    `json:"node"`       // id of the node that has the socket
	Transport string    `json:"transport"`  // "websocket" or "polling"
	Address   string    `json:"address"`    // the client's address
	Connected time.Time `json:"connected"`  // when the client connected to the namespace
	Rooms     []string  `json:"rooms"`      // the first few rooms, without the socket's own
	RoomCount int       `json:"room_count"` // number of all rooms
}

// maxSocketRooms is how many rooms of a socket are listed.
const maxSocketRooms = 20

func socketOrder(a, b Socket) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.ID, b.ID))
}

// sockets lists the sockets of this node.
func (h *Handler) sockets(ctx context.Context, q SocketQuery) (*Sockets, error) {
	after, err := decodeCursor(q.After)
	if err != nil {
		return nil, err
	}
	answer := &Sockets{}
	first := newSelection(min(max(q.Limit, 1), maxLimit), socketOrder)
	states := map[string]core.StateReporter{}
	for _, ns := range h.source.Namespaces() {
		if ns.State == nil || q.Namespace != "" && q.Namespace != ns.Name {
			continue
		}
		states[ns.Name] = ns.State
		seen := 0
		ns.State.EachSocket(q.Room, func(id string) bool {
			if seen++; seen%1024 == 0 && ctx.Err() != nil {
				return false
			}
			s := Socket{ID: id, Namespace: ns.Name}
			switch {
			case q.Pattern != "" && !matches(q.Pattern, id):
			case after != nil && socketOrder(s, Socket{Namespace: after[0], ID: after[1]}) <= 0:
			default:
				answer.Matched++
				first.add(s)
			}
			return true
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	answer.Sockets = []Socket{}
	for _, s := range first.sorted() {
		state := states[s.Namespace].SocketState(s.ID, maxSocketRooms)
		if state == nil {
			answer.Matched-- // it has left meanwhile
			continue
		}
		rooms := make([]string, len(state.Rooms))
		for i, room := range state.Rooms {
			rooms[i] = shown(room)
		}
		slices.Sort(rooms)
		answer.Sockets = append(answer.Sockets, Socket{
			ID: shown(s.ID), Namespace: shown(s.Namespace), Node: h.source.ID(), Transport: state.Transport, Address: shown(state.Address),
			Connected: state.Connected, Rooms: rooms, RoomCount: state.RoomCount,
		})
	}
	return answer, nil
}

func (s *Sockets) shorten() bool {
	s.Cut = true
	return half(&s.Sockets)
}

// serveSockets serves the sockets of all nodes, or of the node that the request names.
func (h *Handler) serveSockets(r *http.Request) (any, error) {
	began := time.Now()
	p, err := paramsOf(r, "namespace", "room", "pattern", "limit", "after", "node")
	if err != nil {
		return nil, err
	}
	q := SocketQuery{Namespace: p.text("namespace"), Room: p.text("room"), Pattern: p.text("pattern"), Limit: p.number("limit", defaultLimit, maxLimit), After: p.text("after")}
	if len(q.Pattern) > maxPattern {
		p.bad("pattern", q.Pattern, "at most 256 bytes")
	}
	if _, err := decodeCursor(q.After); err != nil {
		p.bad("after", q.After, "what an answer had as next")
	}
	if p.err != nil {
		return nil, p.err
	}
	all, err := h.allSockets(r.Context(), q, p.text("node"))
	if err != nil {
		return nil, err
	}
	all.Took = milliseconds(time.Since(began))
	return all, nil
}

func (h *Handler) allSockets(ctx context.Context, q SocketQuery, node string) (*Sockets, error) {
	own := func() (*Sockets, error) { return h.sockets(ctx, q) }
	ask := question{Op: opSockets, Sockets: &q}
	var answers []answerOf[*Sockets]
	all := &Sockets{Sockets: []Socket{}}
	if node != "" {
		one, err := askOne(ctx, h, node, ask, own)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answerOf[*Sockets]{node, one})
	} else {
		ours, err := own()
		if err != nil {
			return nil, err
		}
		if answers, all.Unanswered, err = gather(ctx, h, ask, ours); err != nil {
			return nil, err
		}
	}
	// If a node's list was shortened, sockets behind its end belong to the next page, for
	// all nodes.
	var end *Socket
	for _, a := range answers {
		if a.value == nil {
			continue
		}
		all.Matched += a.value.Matched
		all.Sockets = append(all.Sockets, a.value.Sockets...)
		if n := len(a.value.Sockets); a.value.Cut && n > 0 {
			all.Cut = true
			if last := a.value.Sockets[n-1]; end == nil || socketOrder(last, *end) < 0 {
				end = &last
			}
		}
	}
	slices.SortFunc(all.Sockets, socketOrder)
	if end != nil {
		all.Sockets = slices.DeleteFunc(all.Sockets, func(s Socket) bool { return socketOrder(s, *end) > 0 })
	}
	all.Sockets = all.Sockets[:min(len(all.Sockets), q.Limit)]
	if n := len(all.Sockets); n > 0 && all.Matched > n {
		last := all.Sockets[n-1]
		all.Next = encodeCursor([2]string{last.Namespace, last.ID})
	}
	return all, nil
}
