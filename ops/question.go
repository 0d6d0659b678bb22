package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// question is sent by one node to another, as JSON. A node ignores members that it does not
// know, and refuses operations that it does not know.
type question struct {
	Op      string         `json:"op"` // one of the operations below
	Rooms   *RoomQuery     `json:"rooms,omitempty"`
	Sockets *SocketQuery   `json:"sockets,omitempty"`
	Drain   *DrainRequest  `json:"drain,omitempty"`
	Watch   *watchQuery    `json:"watch,omitempty"`
	Explain *explainQuery  `json:"explain,omitempty"`
	Trace   *traceQuestion `json:"trace,omitempty"`
}

// The operations.
const (
	opNode    = "node"
	opRooms   = "rooms"
	opSockets = "sockets"
	opDrain   = "drain"
	opWatch   = "watch"
	opExplain = "explain"
	opTrace   = "trace"
)

// Answer answers a question of another node's handler, as Ask delivers it, in no more than
// limit bytes.
func (h *Handler) Answer(ctx context.Context, from core.PeerInfo, text []byte, limit int) ([]byte, error) {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, fmt.Errorf("%w: question: %w", core.ErrMalformed, err)
	}
	var answer any
	switch {
	case q.Op == opNode:
		return fitting(h.node(), limit)
	case q.Op == opRooms && q.Rooms != nil:
		rooms, err := h.rooms(ctx, *q.Rooms)
		if err != nil {
			return nil, err
		}
		return fitting(rooms, limit)
	case q.Op == opSockets && q.Sockets != nil:
		sockets, err := h.sockets(ctx, *q.Sockets)
		if err != nil {
			return nil, err
		}
		return fitting(sockets, limit)
	case q.Op == opWatch && q.Watch != nil:
		return fitting(h.report(ctx, *q.Watch), limit)
	case q.Op == opExplain && q.Explain != nil:
		explained, err := h.explain(ctx, *q.Explain)
		if err != nil {
			return nil, err
		}
		return fitting(explained, limit)
	case q.Op == opTrace && q.Trace != nil:
		traced, err := h.trace(ctx, *q.Trace)
		if err != nil {
			return nil, err
		}
		return fitting(traced, limit)
	case q.Op == opDrain && q.Drain != nil:
		if !h.o.Writable || from.Role == core.RoleObserver {
			return nil, errReadOnly
		}
		drained, err := h.drain(*q.Drain, "node "+from.ID)
		if err != nil {
			return nil, err
		}
		answer = drained
	default:
		return nil, fmt.Errorf("%w: question %.64q", core.ErrUnsupported, q.Op)
	}
	return json.Marshal(answer)
}

// shortenable is an answer that can be shortened.
type shortenable interface {
	// shorten drops about half of the longest list, and notes that in the answer. It
	// returns false if there is nothing to drop.
	shorten() bool
}

// fitting encodes an answer, and shortens it until it fits into limit bytes.
func fitting(answer shortenable, limit int) ([]byte, error) {
	for {
		text, err := json.Marshal(answer)
		if err != nil || len(text) <= limit {
			return text, err
		}
		if !answer.shorten() {
			return nil, fmt.Errorf("%w: answer of %d bytes, limit %d", core.ErrTooLarge, len(text), limit)
		}
	}
}

// half drops half of a list.
func half[T any](list *[]T) bool {
	if len(*list) == 0 {
		return false
	}
	*list = (*list)[:len(*list)/2]
	return true
}

// Unanswered is a node that has not answered.
type Unanswered struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Error   string `json:"error"`
}

// answerOf is the answer of a node.
type answerOf[T any] struct {
	node  string
	value T
}

// maxGathered limits the bytes of the answers of all nodes together.
const maxGathered = 64 << 20

// gather sends a question to all peers that can answer, at once, and waits for
// Options.Timeout. own is this node's answer.
func gather[T any](ctx context.Context, h *Handler, q question, own T) (answers []answerOf[T], unanswered []Unanswered, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.o.Timeout, errors.New("no answer in time"))
	defer cancel()
	peers := h.source.Stats().Peers
	values, errs := make([]T, len(peers)), make([]error, len(peers))
	var size atomic.Int64
	var asked sync.WaitGroup
	for i, p := range peers {
		if p.Reference {
			continue
		}
		asked.Go(func() {
			body, err := h.source.Ask(ctx, p.ID, text)
			switch {
			case err != nil:
			case size.Add(int64(len(body))) > maxGathered:
				err = fmt.Errorf("answers of more than %d MiB were cut", maxGathered>>20)
			default:
				err = json.Unmarshal(body, &values[i])
			}
			errs[i] = err
		})
	}
	asked.Wait()
	answers = append(answers, answerOf[T]{h.source.ID(), own})
	for i, p := range peers {
		switch {
		case p.Reference:
		case errs[i] != nil:
			unanswered = append(unanswered, Unanswered{p.ID, p.Address, errs[i].Error()})
		default:
			answers = append(answers, answerOf[T]{p.ID, values[i]})
		}
	}
	return answers, unanswered, nil
}

// askOne sends a question to one node, which may be this one.
func askOne[T any](ctx context.Context, h *Handler, node string, q question, own func() (T, error)) (T, error) {
	var value T
	if node == "" || node == h.source.ID() {
		return own()
	}
	text, err := json.Marshal(q)
	if err != nil {
		return value, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.o.Timeout, errors.New("no answer in time"))
	defer cancel()
	body, err := h.source.Ask(ctx, node, text)
	if err == nil {
		err = json.Unmarshal(body, &value)
	}
	switch {
	case errors.Is(err, core.ErrNoServer):
		return value, &httpError{404, fmt.Errorf("node %.64q: %w, or there is no link to it from here", node, err)}
	case err != nil:
		return value, &httpError{502, fmt.Errorf("node %.64q: %w", node, err)}
	}
	return value, nil
}

// milliseconds converts a duration for JSON.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
