package service

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/internal/endpoint"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// Client registers a node with a discovery service, or with each of several replicas of
// one, and reports the merged roster.
//
// Replicas need not know each other. A server stays in the merged roster as long as one
// of them lists it. It leaves at once if every replica that listed it has said so. A
// replica that ends, comes back empty, or sends a roster without this node does not say
// so: servers that it alone had listed stay for another [ClientOptions.EntryTTL].
type Client struct {
	options ClientOptions
	urls    []string
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	limit   loglimit.Limiter // for log lines that replicas can cause

	statuses []*endpoint.Status // of each replica

	attempts, updates, malformed, skipped, notices, conflicts atomic.Uint64
}

var (
	_ core.Discovery        = (*Client)(nil)
	_ core.EndpointReporter = (*Client)(nil)
)

// ClientStats are the counters of a [Client], summed over all replicas.
type ClientStats struct {
	Attempts  uint64 // connections tried, successful or not
	Updates   uint64 // rosters that replicas sent, whole or as changes
	Malformed uint64 // messages that were malformed
	Skipped   uint64 // entries of rosters that lack an id or an address
	Notices   uint64 // notices of a service about a problem with the registration
	Conflicts uint64 // rosters that list a server with another address than another replica does
}

// NewClient returns a Client. It does not check o: Run and [ClientOptions.Validate] do.
func NewClient(o ClientOptions) *Client {
	o = o.withDefaults()
	c := &Client{
		options: o,
		urls:    commas.Split(o.URL),
		dial:    new(net.Dialer).DialContext,
		limit:   loglimit.Limiter{Period: 10 * time.Minute, Keys: 64},
	}
	c.statuses = make([]*endpoint.Status, len(c.urls))
	for i, url := range c.urls {
		c.statuses[i] = endpoint.Named(redacted(url))
	}
	return c
}

// Name is "service".
func (c *Client) Name() string { return "service" }

// Stats returns the counters as they are now.
func (c *Client) Stats() ClientStats {
	return ClientStats{
		Attempts:  c.attempts.Load(),
		Updates:   c.updates.Load(),
		Malformed: c.malformed.Load(),
		Skipped:   c.skipped.Load(),
		Notices:   c.notices.Load(),
		Conflicts: c.conflicts.Load(),
	}
}

// Endpoints describes each replica, in the order of the options.
func (c *Client) Endpoints() []core.DiscoveryEndpoint {
	endpoints := make([]core.DiscoveryEndpoint, len(c.statuses))
	for i, s := range c.statuses {
		endpoints[i] = s.Get()
	}
	return endpoints
}

// Run keeps self registered with every replica until ctx ends, and reports the merged
// roster, self included, whenever a replica sends another one. If a connection is
// refused, lost or silent, Run connects again with backoff, which only a received roster
// resets. When ctx ends it closes the connections, which ends the registrations, and
// returns nil. It returns a [*core.ConfigError] at once if an option is invalid, or self
// lacks an id or an address.
func (c *Client) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := firstError(c.options.Validate(), validateSelf(self)); err != nil {
		return err
	}
	v := newView(self.ID, len(c.urls), c.options)
	var work sync.WaitGroup
	defer work.Wait()
	for i, url := range c.urls {
		c.statuses[i].Begin()
		r := &replica{Client: c, index: i, url: url, self: self, view: v, log: c.options.Logger.With("discovery", redacted(url))}
		work.Go(func() { r.run(ctx) })
	}
	aging := time.NewTimer(time.Hour)
	defer aging.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-v.changed:
		case <-aging.C:
		}
		now := time.Now()
		roster, next, ok := v.merged(now)
		if !next.IsZero() {
			aging.Reset(next.Sub(now))
		}
		if ok && ctx.Err() == nil {
			update(roster)
		}
	}
}

// token returns this node's own token; "" for none.
func (c *Client) token() string {
	if c.options.Tokens == nil {
		return c.options.AuthToken
	}
	if tokens := c.options.Tokens(); len(tokens) > 0 {
		return tokens[0]
	}
	return ""
}

// validateSelf returns an error if self cannot be registered.
func validateSelf(self core.Peer) error {
	if self.ID == "" {
		return &core.ConfigError{Field: "ID", Value: self.ID, Allowed: "an id"}
	}
	if self.Address == "" {
		return &core.ConfigError{Field: "Advertise", Value: self.Address, Allowed: "the address peers dial"}
	}
	return nil
}
