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
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// Dial connects to an address, and returns when it has been upgraded.
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

// parse makes a URL of an address, "ws://host:port/path" or "host:port".
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
		return "", errors.New("a user has no place in it")
	}
	u.Fragment = ""
	return u.String(), nil
}

// past is a deadline that has expired.
var past = time.Unix(1, 0)

func (t *Transport) dial(ctx context.Context, target string) (*conn, error) {
	d := dialling{tls: t.clientTLS()}
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
		c := newConn(d.answer.Conn, d.answer.rest, &t.options, true)
		c.native = response.Header.Get(protocolHeader) != ""
		return c, nil
	case err == nil:
		d.answer.Close()
		return nil, ctx.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
	case response != nil:
		return nil, fmt.Errorf("%w: the answer is %s", err, describe(response))
	}
	return nil, dialError(err)
}

// dialling is one connection that is being dialled.
type dialling struct {
	tls    *tls.Config
	answer *answer
	stop   func() bool // of what ends it with its context
}

// plain dials a connection without TLS.
func (d *dialling) plain(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.answer = &answer{Conn: socket, left: maxAnswer}
	return d.answer, nil
}

// secured dials one with TLS.
func (d *dialling) secured(ctx context.Context, network, address string) (net.Conn, error) {
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
	d.answer = &answer{Conn: secured, left: maxAnswer}
	return d.answer, nil
}

// connect connects. Whatever is done on the connection until stop is called ends
// with ctx: the library heeds its deadline only.
func (d *dialling) connect(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		d.stop = context.AfterFunc(ctx, func() { socket.SetDeadline(past) })
	}
	return socket, err
}

// describe quotes an answer that is not the one hoped for.
func describe(response *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 100)) // the library has it all
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return strconv.Quote(response.Status)
	}
	return fmt.Sprintf("%q, %q", response.Status, text)
}
