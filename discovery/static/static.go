// Package static is the discovery of a fixed list of addresses, for meshes whose nodes
// are known beforehand.
//
// Nothing is sent: the list is reported once, without ids, which only the peers
// themselves know. All nodes may have the same list; a node leaves its own address out. A
// node that is not in the lists of others is still in the mesh, if it dials a node that
// is in everybody's list: the acceptor of a link learns who the dialler is.
package static

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/core"
)

// Options configure a [Discovery].
type Options struct {
	// Peers are the addresses of the other nodes, as "ws://10.0.0.7:4000". The list
	// may be empty: such a node waits to be dialled.
	Peers []string
}

// Validate returns a [*core.ConfigError] for the first address that is not of
// the form scheme://host:port.
func (o Options) Validate() error {
	for _, address := range o.Peers {
		if !dialable(address) {
			return &core.ConfigError{Field: "Peers", Value: address, Allowed: "scheme://host:port"}
		}
	}
	return nil
}

// dialable reports whether address is scheme://host:port. A path may follow.
func dialable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// Discovery reports a fixed list. It has no state: any number of nodes may run the same
// one, at the same time or one after the other.
type Discovery struct {
	options Options
}

var _ core.Discovery = (*Discovery)(nil)

// New returns a Discovery of the addresses in o. It does not check them: Run and
// [Options.Validate] do.
func New(o Options) *Discovery {
	o.Peers = slices.Clone(o.Peers)
	return &Discovery{o}
}

// Name is "static".
func (d *Discovery) Name() string { return "static" }

// Run reports the list once, without self's own address, and waits for ctx. It returns a
// [*core.ConfigError] at once if an address is invalid, and nil when ctx has ended.
func (d *Discovery) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := d.options.Validate(); err != nil {
		return err
	}
	if ctx.Err() == nil {
		update(d.roster(self))
	}
	<-ctx.Done()
	return nil
}

// roster returns the list without self's address and without duplicates.
func (d *Discovery) roster(self core.Peer) []core.Peer {
	peers := make([]core.Peer, 0, len(d.options.Peers))
	for _, address := range d.options.Peers {
		peer := core.Peer{Address: address}
		if address != self.Address && !slices.Contains(peers, peer) {
			peers = append(peers, peer)
		}
	}
	return peers
}
