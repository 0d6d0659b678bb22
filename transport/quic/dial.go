package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/peertls"
)

// Dial connects to an address and returns when both ends have sent their preface.
func (t *Transport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	c, err := t.dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("quic: dial %s: %w", addr, err)
	}
	return c, nil
}

// parse returns the host and port of an address, "quic://host:port" or "host:port".
func parse(addr string) (host string, port uint16, err error) {
	if !strings.Contains(addr, "://") {
		addr = "quic://" + addr
	}
	u, err := url.Parse(addr)
	switch {
	case err != nil:
		return "", 0, err
	case u.Scheme != "quic":
		return "", 0, fmt.Errorf("scheme %q is not quic", u.Scheme)
	case u.Hostname() == "":
		return "", 0, errors.New("no host")
	case u.User != nil:
		return "", 0, errors.New("user names are not allowed")
	}
	number, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || number == 0 {
		return "", 0, fmt.Errorf("port %q is not one of 1 to 65535", u.Port())
	}
	return u.Hostname(), uint16(number), nil
}

func (t *Transport) dial(ctx context.Context, addr string) (*conn, error) {
	host, port, err := parse(addr)
	if err != nil {
		return nil, err
	}
	credentials, err := t.credentials()
	if err != nil {
		return nil, err
	}
	addresses, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if t.options.Networks != nil {
		addresses = slices.DeleteFunc(addresses, func(ip netip.Addr) bool { return !advertise.Within(t.options.Networks, ip) })
		if len(addresses) == 0 {
			return nil, core.ErrForbiddenAddress
		}
	}
	config := peertls.Client(credentials.dialler, t.roots(), protocol)
	if config.ServerName == "" {
		config.ServerName = host
	}
	return race(ctx, addresses, func(ctx context.Context, ip netip.Addr) (*conn, error) {
		s, err := t.dialSocket(ctx)
		if err != nil {
			return nil, err
		}
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port))
		quic, err := s.quic.Dial(ctx, to, config, t.options.config())
		if err != nil {
			s.release()
			return nil, t.explainDial(ctx, err, credentials.advice)
		}
		return t.handshake(ctx, quic, s, credentials.advice)
	})
}

// explainDial is explain for a dial that has failed.
func (t *Transport) explainDial(ctx context.Context, err error, advice string) error {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no answer: %s", err)
	}
	return explain(err, advice)
}
