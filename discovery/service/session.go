package service

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// session is one connection of a [Client] to the service.
type session struct {
	conn    *websocket.Conn
	silence time.Duration // time without messages and pings after which the session fails
	// challenge is the service's challenge for a proof; "" if it asks for none.
	challenge string
	binding   string // identifies the connection's TLS session; "" without TLS
	warned    bool   // a malformed message was logged as a warning; further ones are debug lines

	ended   chan struct{} // closed by close
	watched chan struct{} // closed when closeAfter has returned
}

// connect dials a replica. The session ends with ctx.
func (c *Client) connect(ctx context.Context, url string) (*session, error) {
	attempt, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	// The library looks at the context while it dials, but not while it waits for the
	// response to its handshake: the end of the context closes the connection here.
	release := func() bool { return true }
	dialer := websocket.Dialer{
		NetDialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
			conn, err := c.dial(attempt, network, addr)
			if err == nil {
				release = context.AfterFunc(attempt, func() { conn.Close() })
			}
			return conn, err
		},
		TLSClientConfig: peertls.Client(c.options.TLS, c.options.RootCAs, "http/1.1"),
		ReadBufferSize:  4096,
		WriteBufferSize: 1024,
	}
	conn, response, err := dialer.DialContext(attempt, url, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		err = fmt.Errorf("%w: %s", err, describe(response))
	}
	if _, noTLS := errors.AsType[tls.RecordHeaderError](err); noTLS {
		err = fmt.Errorf("%w: %w", errNoTLS, err)
	}
	if !release() || err != nil {
		return nil, errors.Join(err, attempt.Err())
	}
	s := newSession(ctx, conn, c.options)
	s.challenge = response.Header.Get(challengeHeader)
	s.binding = bindingOf(peertls.StateOf(conn.NetConn()))
	return s, nil
}

var errNoTLS = errors.New("the service does not speak TLS: dial ws://")

// describe quotes a response that is not an upgrade: its text may say why.
func describe(response *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 100)) // the library has read it already
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return response.Status
	}
	return fmt.Sprintf("%s, %q", response.Status, text)
}

func newSession(ctx context.Context, conn *websocket.Conn, o ClientOptions) *session {
	s := &session{
		conn:    conn,
		silence: o.PingTimeout,
		ended:   make(chan struct{}),
		watched: make(chan struct{}),
	}
	conn.SetReadLimit(int64(o.MaxMessage))
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		return errors.Join(s.extendDeadline(), pong(data))
	})
	go s.closeAfter(ctx)
	return s
}

// register sends this node's registration.
func (s *session) register(r registration) error {
	s.conn.SetWriteDeadline(time.Now().Add(s.silence))
	return s.conn.WriteMessage(websocket.BinaryMessage, appendRegister(nil, r))
}

// receive waits for the next message. The error wraps [core.ErrSilentPeer] if nothing
// arrived for too long.
func (s *session) receive() ([]byte, error) {
	if err := s.extendDeadline(); err != nil {
		return nil, err
	}
	_, message, err := s.conn.ReadMessage()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("%w: nothing received for %v", core.ErrSilentPeer, s.silence)
	}
	if err != nil {
		return nil, readError(err)
	}
	return message, nil
}

// extendDeadline restarts the allowed time of silence. Only the reading goroutine calls
// it.
func (s *session) extendDeadline() error {
	return s.conn.SetReadDeadline(time.Now().Add(s.silence))
}

// closeAfter sends a close frame when ctx ends. The service answers and closes, which
// ends the reading; if that takes too long, it closes the connection itself.
func (s *session) closeAfter(ctx context.Context) {
	defer close(s.watched)
	select {
	case <-s.ended:
		return
	case <-ctx.Done():
	}
	if sendClose(s.conn, closeLeaving) == nil {
		timer := time.NewTimer(closeTimeout)
		defer timer.Stop()
		select {
		case <-s.ended:
		case <-timer.C:
		}
	}
	s.conn.Close()
}

// close closes the connection and waits for the session's goroutine.
func (s *session) close() {
	close(s.ended)
	s.conn.Close()
	<-s.watched
}

// malformedLevel is the level at which to log a malformed message: a warning for the
// first one of a session.
func (s *session) malformedLevel() slog.Level {
	if s.warned {
		return slog.LevelDebug
	}
	s.warned = true
	return slog.LevelWarn
}
