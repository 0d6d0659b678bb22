package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/endpoint"
)

// replica is one of the services with which a [Client] registers, for one Run.
type replica struct {
	*Client
	index int // in the order of the options
	url   string
	self  core.Peer
	view  *view
	log   *slog.Logger
}

// run keeps the node registered with the replica until ctx ends.
func (r *replica) run(ctx context.Context) {
	retry := backoff.Backoff{Min: r.options.RedialMin, Max: r.options.RedialMax}
	outage := outageLog{log: r.log}
	for ctx.Err() == nil {
		err := r.runSession(ctx, func(roster []core.Peer) {
			retry.Reset()
			outage.recovered(len(roster))
			r.heard(roster)
		})
		if ctx.Err() != nil {
			return
		}
		r.lost(err)
		delay := retry.Next()
		outage.failed(err, delay)
		backoff.Sleep(ctx, delay)
	}
}

// heard handles a roster of the replica. It changes the status first, so that a caller
// that has got the roster finds the status up to date.
func (r *replica) heard(roster []core.Peer) {
	r.updates.Add(1)
	r.statuses[r.index].Heard(len(roster))
	if other := r.view.replace(r.index, roster, time.Now()); other.ID != "" {
		r.conflicts.Add(1)
		r.limit.Log(r.log, slog.LevelWarn, "conflict", "replicas of discovery list different addresses of a server; the first replica counts",
			"peer", clip(other.ID), "address", clip(other.Address))
	}
}

// lost notes that the connection to the replica has failed or ended.
func (r *replica) lost(err error) {
	r.statuses[r.index].Change(func(e *core.DiscoveryEndpoint, now time.Time) {
		endpoint.SetHeard(e, false, now)
		e.Peers, e.Err = 0, err
	})
	r.view.lost(r.index, time.Now())
}

// runSession runs one connection from the dial to its end, and returns why it ended.
func (r *replica) runSession(ctx context.Context, update func([]core.Peer)) error {
	r.attempts.Add(1)
	s, err := r.connect(ctx, r.url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer s.close()
	registration := registration{Peer: r.self, features: features{deltas: true, notices: true}}
	if err := s.register(r.credentials(registration, s)); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	var roster []core.Peer
	complete := false // the first update has come
	for {
		data, err := s.receive()
		if err != nil {
			return err
		}
		message, ok := r.decode(s, data)
		switch {
		case !ok:
			continue
		case message.kind == typeNotice:
			r.noticed(message.notice)
			continue
		case message.kind == typeDelta && !complete:
			return fmt.Errorf("%w: a delta before the first roster", core.ErrMalformed)
		case message.kind == typeDelta:
			roster = applyDelta(roster, message)
			if len(roster) > r.options.MaxPeers {
				return fmt.Errorf("%w: %d servers are above the limit of %d", core.ErrMalformed, len(roster), r.options.MaxPeers)
			}
		default:
			roster, complete = message.servers, true
		}
		if ctx.Err() == nil {
			update(roster)
		}
	}
}

// applyDelta returns the roster after a delta, in newly allocated memory.
func applyDelta(before []core.Peer, m served) []core.Peer {
	left := make(map[string]bool, len(m.left))
	for _, id := range m.left {
		left[id] = true
	}
	roster := make([]core.Peer, 0, len(before)+len(m.servers))
	places := make(map[string]int, len(before)+len(m.servers))
	for _, p := range before {
		if !left[p.ID] {
			places[p.ID] = len(roster)
			roster = append(roster, p)
		}
	}
	for _, p := range m.servers {
		place, known := places[p.ID]
		if known {
			roster[place] = p
			continue
		}
		places[p.ID] = len(roster)
		roster = append(roster, p)
	}
	return roster
}

// decode decodes a message. It counts and logs malformed ones.
func (r *replica) decode(s *session, data []byte) (m served, ok bool) {
	m, err := decodeServed(data, r.options.MaxPeers)
	if errors.Is(err, core.ErrUnsupported) {
		r.log.Debug("message from discovery ignored", "error", err)
		return served{}, false
	}
	if err != nil {
		r.malformed.Add(1)
		r.log.Log(context.Background(), s.malformedLevel(), "malformed message from discovery ignored", "error", err, "bytes", len(data))
		return served{}, false
	}
	if m.skipped > 0 {
		r.skipped.Add(uint64(m.skipped))
		r.log.Log(context.Background(), s.malformedLevel(), "invalid entries of discovery's roster skipped", "entries", m.skipped)
	}
	return m, true
}

// noticed handles a notice of the service about this node's registration.
func (r *replica) noticed(n notice) {
	r.notices.Add(1)
	if n.code != noticeSharedAddress {
		r.log.Debug("notice from discovery ignored", "code", clip(n.code))
		return
	}
	r.limit.Log(r.log, slog.LevelWarn, n.code, "another server has registered the same address: others reach only one of the two, unless that one has just been replaced by this one",
		"address", clip(n.other.Address), "other", clip(n.other.ID), "setting", "Advertise (MESH_ADVERTISE), different on each server")
}
