package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
)

// Client registers a node with a membership service, and reports the rosters that
// the service sends.
type Client struct {
	options ClientOptions
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	log     *slog.Logger

	attempts, updates, malformed, skipped atomic.Uint64
}

var _ core.Discovery = (*Client)(nil)

// ClientStats are the counters of a [Client].
type ClientStats struct {
	Attempts  uint64 // connections tried, successful or not
	Updates   uint64 // rosters reported
	Malformed uint64 // messages that were malformed
	Skipped   uint64 // entries of rosters without an id or an address
}

// NewClient returns a Client. It does not check o: Run and [ClientOptions.Validate]
// do.
func NewClient(o ClientOptions) *Client {
	o = o.withDefaults()
	return &Client{
		options: o,
		dial:    new(net.Dialer).DialContext,
		log:     o.Logger.With("discovery", redacted(o.URL)),
	}
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
	}
}

// Run keeps self registered until ctx ends, and reports every roster that the
// service sends, self included. It connects again with backoff whenever the
// connection is refused, lost or silent; only an update resets the backoff. When
// ctx ends it closes the connection, which ends the registration, and
// returns nil. It returns a [*core.ConfigError] at once if an option is bad, or
// self lacks an id or an address.
func (c *Client) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	if err := firstError(c.options.Validate(), validateSelf(self)); err != nil {
		return err
	}
	retry := backoff.Backoff{Min: c.options.RedialMin, Max: c.options.RedialMax}
	outage := outageLog{log: c.log}
	for ctx.Err() == nil {
		err := c.runSession(ctx, self, func(roster []core.Peer) {
			retry.Reset()
			outage.recovered(len(roster))
			update(roster)
		})
		if ctx.Err() != nil {
			break
		}
		delay := retry.Next()
		outage.failed(err, delay)
		sleep(ctx, delay)
	}
	return nil
}

// runSession runs one connection from the dial to its end, and returns why it ended.
func (c *Client) runSession(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	c.attempts.Add(1)
	s, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer s.close()
	if err := s.register(registration{self, c.token()}); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	for {
		message, err := s.receive()
		if err != nil {
			return err
		}
		roster, ok := c.decode(s, message)
		if ok && ctx.Err() == nil {
			c.updates.Add(1)
			update(roster)
		}
	}
}

// token is what the service gets to see; "" for none.
func (c *Client) token() string {
	if c.options.Tokens == nil {
		return c.options.AuthToken
	}
	if tokens := c.options.Tokens(); len(tokens) > 0 {
		return tokens[0]
	}
	return ""
}

// decode decodes a message. It counts and logs malformed ones.
func (c *Client) decode(s *session, message []byte) (roster []core.Peer, ok bool) {
	roster, skipped, err := decodeUpdate(message, c.options.MaxPeers)
	if errors.Is(err, core.ErrUnsupported) {
		c.log.Debug("message from discovery ignored", "error", err)
		return nil, false
	}
	if err != nil {
		c.malformed.Add(1)
		c.log.Log(context.Background(), s.malformedLevel(), "malformed message from discovery ignored", "error", err, "bytes", len(message))
		return nil, false
	}
	if skipped > 0 {
		c.skipped.Add(uint64(skipped))
		c.log.Log(context.Background(), s.malformedLevel(), "invalid entries of discovery's roster skipped", "entries", skipped)
	}
	return roster, true
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

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
