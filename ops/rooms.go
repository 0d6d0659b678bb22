package ops

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// RoomQuery selects rooms. The room that each socket has for itself is never selected.
type RoomQuery struct {
	Namespace string `json:"namespace,omitempty"` // "": all
	Pattern   string `json:"pattern,omitempty"`   // * stands for any characters, ? for one; "": all
	Sort      string `json:"sort"`                // "size", the largest first, or "name"
	Limit     int    `json:"limit"`               // the maximal number of rooms
	After     string `json:"after,omitempty"`     // sorted by name: only rooms after Next of the previous page

	// Only lists the rooms to count, by namespace and name, if another node asks only for
	// these.
	Only [][2]string `json:"only,omitempty"`
}

// The limits of lists.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxPattern   = 256 // bytes
	// candidates is how many of its largest rooms a node sends per wanted room.
	candidates = 4
)

// Rooms lists rooms of one node or of all.
type Rooms struct {
	Rooms   []Room `json:"rooms"`
	Matched int    `json:"matched"` // number of matching rooms, including the listed ones; a room on several nodes counts once per node
	// Exact reports whether these are the largest rooms, sorted by size. Their members
	// are always counted on all nodes that have answered. Exact may be false if rooms are
	// spread over many nodes: then another room may have up to Beyond members.
	Exact  bool   `json:"exact"`
	Beyond int    `json:"beyond"`         // the most members that an unlisted room may have
	Next   string `json:"next,omitempty"` // sorted by name: After of the next page

	Unanswered []Unanswered `json:"unanswered,omitempty"`
	Cut        bool         `json:"cut,omitempty"` // the list was shortened because the answer was too long
	Took       float64      `json:"took_ms,omitempty"`
}

// Room is a room of one namespace.
type Room struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Members   int    `json:"members"`         // number of sockets
	Nodes     int    `json:"nodes,omitempty"` // number of nodes with members
}

func (r *Room) key() [2]string { return [2]string{r.Namespace, r.Name} }

// byName and bySize are the orders of lists.
func byName(a, b Room) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
func bySize(a, b Room) int { return cmp.Or(cmp.Compare(b.Members, a.Members), byName(a, b)) }

func (q *RoomQuery) order() func(a, b Room) int {
	if q.Sort == "name" {
		return byName
	}
	return bySize
}

// rooms lists the rooms of this node. By size, it lists more than are wanted, so that the
// sums of all nodes are right.
func (h *Handler) rooms(ctx context.Context, q RoomQuery) (*Rooms, error) {
	limit := min(max(q.Limit, 1), maxLimit)
	after, err := decodeCursor(q.After)
	if err != nil {
		return nil, err
	}
	if q.Sort != "name" {
		limit *= candidates
	}
	only := map[[2]string]bool{}
	for _, key := range q.Only {
		only[key] = true
	}
	if len(only) > 0 {
		limit = len(only)
	}
	first := newSelection(limit, q.order())
	answer := &Rooms{Rooms: []Room{}}
	for _, open := range h.source.Namespaces() {
		if open.State == nil || q.Namespace != "" && q.Namespace != open.Name {
			continue
		}
		namespace, seen := shown(open.Name), 0
		open.State.EachRoom(func(name string, members int) bool {
			if seen++; seen%1024 == 0 && ctx.Err() != nil {
				return false
			}
			room := Room{namespace, shown(name), members, 1}
			switch {
			case q.Pattern != "" && !matches(q.Pattern, name):
			case after != nil && byName(room, Room{Namespace: after[0], Name: after[1]}) <= 0:
			case len(only) > 0 && !only[room.key()]:
			default:
				answer.Matched++
				first.add(room)
			}
			return true
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	answer.Rooms = first.sorted()
	answer.beyond(answer.Matched)
	return answer, nil
}

// beyond sets how many members a matching room may have that is not listed.
func (r *Rooms) beyond(matched int) {
	if n := len(r.Rooms); n > 0 && matched > n {
		r.Beyond = r.Rooms[n-1].Members
	}
}

func (r *Rooms) shorten() bool {
	r.Cut = true
	if !half(&r.Rooms) {
		return false
	}
	r.beyond(r.Matched)
	return true
}

// serveRooms serves the rooms of all nodes, or of the node that the request names.
func (h *Handler) serveRooms(r *http.Request) (any, error) {
	began := time.Now()
	p, err := paramsOf(r, "namespace", "pattern", "sort", "limit", "after", "node")
	if err != nil {
		return nil, err
	}
	q := RoomQuery{Namespace: p.text("namespace"), Pattern: p.text("pattern"), Sort: p.choice("sort", "size", "name"), Limit: p.number("limit", defaultLimit, maxLimit), After: p.text("after")}
	if len(q.Pattern) > maxPattern {
		p.bad("pattern", q.Pattern, "at most 256 bytes")
	}
	if q.After != "" && q.Sort != "name" {
		p.bad("after", q.After, "sort=name with it")
	}
	if _, err := decodeCursor(q.After); err != nil {
		p.bad("after", q.After, "what an answer had as next")
	}
	if p.err != nil {
		return nil, p.err
	}
	own := func() (*Rooms, error) { return h.rooms(r.Context(), q) }
	if node := p.text("node"); node != "" {
		rooms, err := askOne(r.Context(), h, node, question{Op: opRooms, Rooms: &q}, own)
		if err != nil {
			return nil, err
		}
		rooms.Exact = true
		rooms.page(q, rooms.Cut)
		rooms.Took = milliseconds(time.Since(began))
		return rooms, nil
	}
	rooms, err := h.allRooms(r.Context(), q, own)
	if err != nil {
		return nil, err
	}
	rooms.Took = milliseconds(time.Since(began))
	return rooms, nil
}

// allRooms adds up the rooms of all nodes. By size, that takes a second question: how many
// members the rooms that some nodes have among their largest have on the others.
func (h *Handler) allRooms(ctx context.Context, q RoomQuery, own func() (*Rooms, error)) (*Rooms, error) {
	ours, err := own()
	if err != nil {
		return nil, err
	}
	answers, unanswered, err := gather(ctx, h, question{Op: opRooms, Rooms: &q}, ours)
	if err != nil {
		return nil, err
	}
	all := &Rooms{Unanswered: unanswered}
	// partial is the number of nodes that have not sent all their rooms.
	partial, cut := 0, false
	for _, a := range answers {
		if a.value == nil {
			continue
		}
		all.Matched += a.value.Matched
		all.Beyond += a.value.Beyond
		cut = cut || a.value.Cut
		if a.value.Matched > len(a.value.Rooms) {
			partial++
		}
	}
	all.Rooms = sum(answers)
	if q.Sort != "name" && partial > 0 && len(answers) > 1 {
		slices.SortFunc(all.Rooms, bySize)
		if err := h.recount(ctx, q, all); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all.Rooms, q.order())
	last := min(q.Limit, len(all.Rooms))
	all.Exact = q.Sort == "name" || partial == 0 || last > 0 && all.Rooms[last-1].Members >= all.Beyond
	all.page(q, cut)
	return all, nil
}

// recount counts the first rooms of a list on all nodes.
func (h *Handler) recount(ctx context.Context, q RoomQuery, all *Rooms) error {
	// The size of a question limits how many rooms can be asked for. A room that is far
	// down the list by the known members is not counted again.
	size, most := 0, min(len(all.Rooms), 2*q.Limit)
	only := make([][2]string, 0, most)
	for i := range most {
		key := all.Rooms[i].key()
		if text, err := json.Marshal(key); err != nil || size+len(text) > maxOnly {
			break
		} else {
			size += len(text) + 1
		}
		only = append(only, key)
	}
	again := RoomQuery{Namespace: q.Namespace, Pattern: q.Pattern, Sort: "size", Limit: q.Limit, Only: only}
	ours, err := h.rooms(ctx, again)
	if err != nil {
		return err
	}
	answers, unanswered, err := gather(ctx, h, question{Op: opRooms, Rooms: &again}, ours)
	if err != nil {
		return err
	}
	for _, u := range unanswered {
		if !slices.ContainsFunc(all.Unanswered, func(known Unanswered) bool { return known.ID == u.ID }) {
			all.Unanswered = append(all.Unanswered, u)
		}
	}
	all.Rooms = sum(answers)
	return nil
}

// maxOnly limits the bytes of the names in a question.
const maxOnly = 24 << 10

// sum adds up rooms of the same name.
func sum(answers []answerOf[*Rooms]) []Room {
	at := map[[2]string]int{}
	rooms := []Room{}
	for _, a := range answers {
		if a.value == nil {
			continue
		}
		for _, r := range a.value.Rooms {
			i, known := at[r.key()]
			if !known {
				i = len(rooms)
				at[r.key()] = i
				rooms = append(rooms, Room{Namespace: r.Namespace, Name: r.Name})
			}
			rooms[i].Members += max(0, r.Members)
			rooms[i].Nodes++
		}
	}
	return rooms
}

// page keeps only the rooms of the wanted page.
func (r *Rooms) page(q RoomQuery, cut bool) {
	if len(r.Rooms) > q.Limit {
		if q.Sort != "name" {
			r.Beyond = max(r.Beyond, r.Rooms[q.Limit].Members)
		}
		r.Rooms = r.Rooms[:q.Limit]
	}
	if q.Sort == "name" {
		r.Beyond = 0
		if n := len(r.Rooms); n > 0 && r.Matched > n || cut && n > 0 {
			r.Next = encodeCursor(r.Rooms[n-1].key())
		}
	}
	r.Cut = cut
}

// encodeCursor encodes the last entry of a page as the cursor for the next one.
func encodeCursor(key [2]string) string {
	text, _ := json.Marshal(key)
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor decodes a cursor; "" gives nil.
func decodeCursor(cursor string) (*[2]string, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, errBadCursor
	}
	var key [2]string
	if err := json.Unmarshal(text, &key); err != nil {
		return nil, errBadCursor
	}
	return &key, nil
}

var errBadCursor = &httpError{400, core.ErrMalformed}

// selection keeps the first limit values in some order, without sorting all.
type selection[T any] struct {
	limit int
	order func(a, b T) int
	heap  []T // the last of them is on top
}

func newSelection[T any](limit int, order func(a, b T) int) *selection[T] {
	return &selection[T]{limit: limit, order: order}
}

// add adds a value. It takes time in proportion to the logarithm of the limit.
func (s *selection[T]) add(v T) {
	if len(s.heap) < s.limit {
		s.heap = append(s.heap, v)
		for i := len(s.heap) - 1; i > 0; {
			parent := (i - 1) / 2
			if s.order(s.heap[i], s.heap[parent]) <= 0 {
				break
			}
			s.heap[i], s.heap[parent] = s.heap[parent], s.heap[i]
			i = parent
		}
		return
	}
	if s.limit == 0 || s.order(v, s.heap[0]) >= 0 {
		return
	}
	s.heap[0] = v
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s.heap) {
			break
		}
		if right := child + 1; right < len(s.heap) && s.order(s.heap[right], s.heap[child]) > 0 {
			child = right
		}
		if s.order(s.heap[child], s.heap[i]) <= 0 {
			break
		}
		s.heap[i], s.heap[child] = s.heap[child], s.heap[i]
		i = child
	}
}

// sorted returns the kept values in order.
func (s *selection[T]) sorted() []T {
	list := append([]T{}, s.heap...)
	slices.SortFunc(list, s.order)
	return list
}
