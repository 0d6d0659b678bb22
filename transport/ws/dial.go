package ws

import (
	"bytes"
	"context"
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
	var answer *cappedConn
	var stop func() bool
	dialer := websocket.Dialer{
		ReadBufferSize:  readBufferSize,
		WriteBufferSize: writeBufferSize,
		TLSClientConfig: t.clientTLS(),
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			socket, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			// The library heeds the context's deadline, but not its end.
			stop = context.AfterFunc(ctx, func() { socket.SetDeadline(past) })
			answer = &cappedConn{Conn: socket, left: maxAnswer}
			return answer, nil
		},
	}
	socket, response, err := dialer.DialContext(ctx, target, nil)
	ended := stop != nil && !stop()
	switch {
	case err == nil && !ended:
		answer.left = unlimited
		c := newConn(socket, &t.options, true)
		c.native = response.Header.Get(protocolHeader) != ""
		return c, nil
	case err == nil:
		socket.Close()
		return nil, ctx.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
	case response != nil:
		return nil, fmt.Errorf("%w: the answer is %s", err, describe(response))
	}
	return nil, dialError(err)
}

// describe quotes an answer that is not the one hoped for.
func describe(response *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 100)) // the library has it all
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return strconv.Quote(response.Status)
	}
	return fmt.Sprintf("%q, %q", response.Status, text)
}

const (
	maxAnswer = 64 << 10 // of a handshake, in bytes
	unlimited = -1
)

var errAnswerTooLong = errors.New("answer to the handshake is too long")

// cappedConn is a connection from which so much may be read.
type cappedConn struct {
	net.Conn
	left int
}

// Read counts down, unless there is no limit any more.
func (c *cappedConn) Read(b []byte) (int, error) {
	if c.left == unlimited {
		return c.Conn.Read(b)
	}
	if c.left == 0 {
		return 0, errAnswerTooLong
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// CloseWrite ends the sending half.
func (c *cappedConn) CloseWrite() error { return halfClose(c.Conn) }
