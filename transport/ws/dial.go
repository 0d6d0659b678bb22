package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
)

// Dial connects to an address and returns when the connection is a WebSocket.
func (t *Transport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	target, err := t.parse(addr)
	if err != nil {
		return nil, fmt.Errorf("ws: dial %s: %w", addr, err)
	}
	c, err := t.dial(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("ws: dial %s: %w", addr, err)
	}
	return c, nil
}

// parse returns the URL for an address, "ws://host:port/path" or "host:port".
func (t *Transport) parse(addr string) (string, error) {
	if !strings.Contains(addr, "://") {
		addr = t.scheme() + "://" + addr
	}
	u, err := url.Parse(addr)
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(t.Schemes(), u.Scheme):
		return "", fmt.Errorf("scheme %q is not one of %s", u.Scheme, strings.Join(t.Schemes(), ", "))
	case u.Hostname() == "":
		return "", errors.New("no host")
	case u.User != nil:
		return "", errors.New("user names are not allowed")
	}
	u.Fragment = ""
	return u.String(), nil
}

// past is a deadline that has expired.
var past = time.Unix(1, 0)

func (t *Transport) dial(ctx context.Context, target string) (*conn, error) {
	d := dialAttempt{tls: t.clientTLS(), networks: t.options.Networks}
	dialer := websocket.Dialer{
		ReadBufferSize:    handshakeBuffer,
		WriteBufferSize:   handshakeBuffer,
		NetDialContext:    d.plain,
		NetDialTLSContext: d.secured,
	}
	_, response, err := dialer.DialContext(ctx, target, nil)
	ended := d.stop != nil && !d.stop()
	switch {
	case err == nil && !ended:
		c := newConn(d.conn.Conn, d.conn.rest, &t.options, true)
		c.native = response.Header.Get(protocolHeader) != ""
		return c, nil
	case err == nil:
		d.conn.Close()
		return nil, ctx.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
	case response != nil:
		return nil, fmt.Errorf("%w: the response is %s", err, describe(response))
	}
	return nil, dialError(err)
}

// dialAttempt is one connection that is being dialled.
type dialAttempt struct {
	tls      *tls.Config
	networks []netip.Prefix // that may be dialled; nil for all
	conn     *handshakeConn
	stop     func() bool // stops watching the dial's context
}

// plain dials a connection without TLS.
func (d *dialAttempt) plain(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conn = &handshakeConn{Conn: socket, remaining: maxResponse}
	return d.conn, nil
}

// secured dials a connection with TLS.
func (d *dialAttempt) secured(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(socket, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		socket.Close()
		return nil, err
	}
	d.conn = &handshakeConn{Conn: secured, remaining: maxResponse}
	return d.conn, nil
}

// connect opens the TCP connection. Until stop is called, the end of ctx makes reads and
// writes on it fail: the library respects the context's deadline, but not its
// cancellation.
func (d *dialAttempt) connect(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := (&net.Dialer{Control: d.check}).DialContext(ctx, network, address)
	if err == nil {
		d.stop = context.AfterFunc(ctx, func() { socket.SetDeadline(past) })
	}
	return socket, err
}

// check refuses addresses outside of the allowed networks. It is called with the address
// that is about to be connected to, because a name may have been resolved anew meanwhile.
func (d *dialAttempt) check(_, address string, _ syscall.RawConn) error {
	if d.networks == nil {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || !advertise.Within(d.networks, to.Addr()) {
		return core.ErrForbiddenAddress
	}
	return nil
}

// describe quotes a response that is not an upgrade.
func describe(response *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 100)) // the library has read it already
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return strconv.Quote(response.Status)
	}
	return fmt.Sprintf("%q, %q", response.Status, text)
}
