package sioparser

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/emitter"
)

// Gate gets the packets of a client before the library does. It is given to a [Decoder] as
// data, see [Decoder.Add]: the library offers no other way to reach a decoder.
type Gate interface {
	// Packet reports whether a packet is to be passed on now. If not, the gate may give it
	// to the Passer later, on any goroutine.
	Packet(*parser.Packet, Passer) bool
	// Failed gets the error of input that is not a packet. The library does not get it.
	Failed(error)
}

// Passer passes packets on to the library.
type Passer interface{ Pass(*parser.Packet) }

// gated is the gate of a decoder.
type gated struct {
	emitter.Emitter
	gate atomic.Pointer[Gate] // nil until there is one
}

// Pass emits a packet as "decoded".
func (g *gated) Pass(p *parser.Packet) { g.EmitOne("decoded", p) }

func (g *gated) decoded(p *parser.Packet) {
	if gate := g.gate.Load(); gate == nil || (*gate).Packet(p, g) {
		g.Pass(p)
	}
}

// failed returns the result of Add for input that is not a packet.
func (g *gated) failed(err error) error {
	if gate := g.gate.Load(); gate != nil && err != nil {
		(*gate).Failed(err)
		return nil
	}
	return err
}

// guard puts a gate in front of a decoder that has none.
type guard struct {
	gated
	inner parser.Decoder
}

var _ parser.Decoder = (*guard)(nil)

func newGuard(inner parser.Decoder) *guard {
	g := &guard{inner: inner}
	_ = inner.On("decoded", func(values ...any) {
		if p, ok := values[0].(*parser.Packet); ok {
			g.decoded(p)
		}
	})
	return g
}

func (g *guard) Add(data any) error {
	if gate, ok := data.(Gate); ok {
		g.gate.Store(&gate)
		return nil
	}
	return g.failed(g.inner.Add(data))
}

func (g *guard) Destroy() {
	g.inner.RemoveAllListeners(types.EventName("decoded"))
	g.inner.Destroy()
}

// Guarded returns a parser whose decoders take a [Gate]: p, or a parser around it.
func Guarded(p parser.Parser) parser.Parser {
	if TakesGates(p) {
		return p
	}
	return guardedParser{p}
}

// TakesGates reports whether the decoders of a parser take a [Gate].
func TakesGates(p parser.Parser) bool {
	switch p.(type) {
	case Parser, guardedParser:
		return true
	}
	return false
}

type guardedParser struct{ parser.Parser }

func (p guardedParser) NewDecoder() parser.Decoder { return newGuard(p.Parser.NewDecoder()) }
