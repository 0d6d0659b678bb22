package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// refusing is a transport with a scheme of its own, which can refuse acceptors that it
// dials.
type refusing struct {
	core.Transport
	dials  *atomic.Int64
	refuse error
}

func (refusing) Schemes() []string { return []string{"mem", "mems"} }

func (p refusing) Dial(ctx context.Context, addr string) (core.Conn, error) {
	p.dials.Add(1)
	if p.refuse != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, p.refuse)
	}
	return p.Transport.Dial(ctx, addr)
}

// Listen returns a listener that has refused one connection before Accept.
func (p refusing) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := p.Transport.Listen(ctx, addr)
	return guarded{l}, err
}

type guarded struct{ core.Listener }

func (guarded) OnRefuse(refused func(string, error)) {
	refused("somebody", errBadCertificate)
	refused("somebody", errBadCertificate)
}

var errBadCertificate = errors.New("bad certificate")

func withPicky(dials *atomic.Int64, refuse error) func(*core.Config) {
	return func(cfg *core.Config) { cfg.Transport = refusing{cfg.Transport, dials, refuse} }
}

// Peers with addresses of another transport are not dialled, and are logged. The others
// are dialled.
func TestForeignSchemes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var dials atomic.Int64
		a := w.start("a", withPicky(&dials, nil))
		b := w.start("b")
		w.roster.Tell(
			core.Peer{ID: "x", Address: "ws://x:4000"}, core.Peer{Address: "quic://y:4000"}, core.Peer{ID: "z", Address: "ws://z:4000"},
			core.Peer{ID: "b", Address: "mem://b"},
		)
		within(time.Hour)
		expectMembers(t, a, b)
		expect(t, "dials", dials.Load(), 1)
		expect(t, "warnings", a.logs.Count("WARN", "for another transport"), 1) // with an example
		expect(t, "counted, each time that a roster has them", a.Stats().RosterRefusals["scheme"]%3, 0)
		expect(t, "counted at all", a.Stats().RosterRefusals["scheme"] > 0, true)
	})
}

func TestAdvertisedSchemeIsChecked(t *testing.T) {
	w := newWorld(t)
	cfg := core.Config{Transport: refusing{Transport: w.net.Transport("a")}, Codecs: []core.Codec{json.New()}}
	for advertise, ok := range map[string]bool{"": true, "a": true, "mem://a": true, "mems://a": true, "MEM://a": true, "ws://a:1": false, "quic://a": false} {
		cfg.Advertise = advertise
		_, err := node.New(cfg, nil)
		bad, refused := errors.AsType[*core.ConfigError](err)
		if refused == ok || refused && (bad.Field != "Advertise" || !strings.Contains(bad.Allowed, "mem:// or mems://")) {
			t.Errorf("%q: %v", advertise, err)
		}
	}
}

// Connections that the transport refuses are counted and reported like those that the
// node refuses.
func TestRefusalsOfTheTransport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var dials atomic.Int64
		a := w.start("a", withPicky(&dials, nil))
		within(time.Second)
		expect(t, "told", a.RefusedWith(errBadCertificate), 2)
		expect(t, "counted", a.Stats().Refused, 2)
		expect(t, "warnings", a.logs.Count("WARN", "bad certificate"), 1)
	})
}

// A dial that fails because of the identity of one of the two counts as a refusal;
// other failures do not.
func TestRefusedDials(t *testing.T) {
	for why, counts := range map[error]bool{fmt.Errorf("certificate: %w", core.ErrUnauthorized): true, errors.New("no route"): false} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			var dials atomic.Int64
			a := w.start("a", withPicky(&dials, why))
			w.start("b")
			within(time.Minute)
			expect(t, "refusals", uint64(a.RefusedWith(why)), map[bool]uint64{true: uint64(dials.Load())}[counts])
			expect(t, "warnings", a.logs.Count("WARN", "cannot link"), 1)
		})
	}
}
