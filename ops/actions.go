package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/socketmesh/mesh/core"
)

// EmitRequest is the body of POST /api/v1/emit: an event for clients of all servers.
type EmitRequest struct {
	Namespace string            `json:"namespace"` // default "/"
	Event     string            `json:"event"`
	Args      []json.RawMessage `json:"args"`
	Rooms     []string          `json:"rooms"`  // the recipients; default: the whole namespace
	Except    []string          `json:"except"` // rooms whose sockets do not get it
}

// Emitted is the answer to an [EmitRequest].
type Emitted struct {
	Namespace string `json:"namespace"`
	Event     string `json:"event"`
	Servers   int    `json:"servers"` // number of servers that it was sent to, this one included
}

// DrainRequest is the body of POST /api/v1/drain: it asks a node to send its clients to
// other nodes.
type DrainRequest struct {
	Node string `json:"node"` // id; default: the node that gets the request
	Rate int    `json:"rate"` // clients per second; default: the node's own
}

// Drained is the answer to a [DrainRequest]: the drain has begun.
type Drained struct {
	Node    string `json:"node"`
	Already bool   `json:"already"` // the drain had begun before
}

// decodeBody reads a POST's body. Unknown members are errors.
func decodeBody(r *http.Request, into any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return &httpError{http.StatusUnsupportedMediaType, errors.New("Content-Type: want application/json")}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: more than one value")
	}
	return nil
}

// reservedEvents are names that Socket.IO reserves for itself.
var reservedEvents = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// serveEmit emits to clients of all servers.
func (h *Handler) serveEmit(r *http.Request) (any, error) {
	e := EmitRequest{Namespace: "/"}
	if err := decodeBody(r, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Event == "":
		return nil, errors.New("event: want a name")
	case slices.Contains(reservedEvents, e.Event):
		return nil, fmt.Errorf("event: %q is not allowed: Socket.IO keeps that name for itself", e.Event)
	}
	event, err := eventOf(e)
	if err != nil {
		return nil, err
	}
	for _, open := range h.source.Namespaces() {
		if open.Name == e.Namespace {
			open.Adapter.Broadcast(event, core.Target{Rooms: e.Rooms, Except: e.Except})
			return &Emitted{e.Namespace, e.Event, open.Adapter.ServerCount()}, nil
		}
	}
	return nil, &httpError{http.StatusNotFound, fmt.Errorf("namespace: %.64q is not open on this node", e.Namespace)}
}

// eventOf encodes the event in Socket.IO's form: [name, args…].
func eventOf(e EmitRequest) (core.Payload, error) {
	name, err := json.Marshal(e.Event)
	if err != nil {
		return core.Payload{}, err
	}
	var text bytes.Buffer
	text.WriteByte('[')
	text.Write(name)
	for i, arg := range e.Args {
		text.WriteByte(',')
		if err := json.Compact(&text, arg); err != nil {
			return core.Payload{}, fmt.Errorf("args[%d]: %w", i, err)
		}
	}
	text.WriteByte(']')
	return core.Payload{Text: text.Bytes()}, nil
}

// serveDrain drains this node, or the node that the request names.
func (h *Handler) serveDrain(r *http.Request) (any, error) {
	var d DrainRequest
	if err := decodeBody(r, &d); err != nil {
		return nil, err
	}
	if d.Rate < 0 {
		return nil, fmt.Errorf("rate: %d is not allowed: want clients per second, or 0 for the default", d.Rate)
	}
	return askOne(r.Context(), h, d.Node, question{Op: opDrain, Drain: &d}, func() (*Drained, error) { return h.drain(d, r.RemoteAddr) })
}

// drain begins to drain this node.
func (h *Handler) drain(d DrainRequest, who string) (*Drained, error) {
	drainer, ok := h.source.(Drainer)
	if !ok {
		return nil, &httpError{http.StatusNotImplemented, fmt.Errorf("%w: this node cannot be drained", core.ErrUnsupported)}
	}
	drained := &Drained{Node: h.source.ID(), Already: drainer.Draining()}
	if drained.Already {
		return drained, nil
	}
	h.o.Logger.Info("draining, as an operator asks", "by", who, "per_second", d.Rate)
	h.work.Go(func() {
		if err := drainer.Drain(h.ctx, d.Rate); err != nil && !errors.Is(err, context.Canceled) {
			h.o.Logger.Warn("draining has not come to its end", "error", err)
		}
	})
	return drained, nil
}
