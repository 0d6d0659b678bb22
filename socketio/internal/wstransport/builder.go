package wstransport

import (
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Builder is the library's constructor of "websocket" transports, with another
// transport.
type Builder struct {
	// Build makes the transport of a connection that the library has accepted.
	Build func(*types.HttpContext) transports.Transport
}

var _ transports.TransportCtor = (*Builder)(nil)

func (b *Builder) New(ctx *types.HttpContext) transports.Transport { return b.Build(ctx) }
func (*Builder) Name() string                                      { return transports.WEBSOCKET }
func (*Builder) HandlesUpgrades() bool                             { return true }
func (*Builder) UpgradesTo() []string                              { return nil }
