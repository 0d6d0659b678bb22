package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// session is one connection of a [Client] to the service.
type session struct {
	conn    *websocket.Conn
	silence time.Duration // how long nothing may be heard
	// complained is set once something was logged as a warning, so that a
	// service gone mad does not fill the log.
	complained bool

	ended   chan struct{} // closed by close
	watched chan struct{} // closed when watch has returned
}

// connect dials the service. The session ends with ctx.
func (c *Client) connect(ctx context.Context) (*session, error) {
	attempt, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	// gorilla looks at the context while it dials, not while it waits for the
	// answer to its handshake. So closing the connection is left to us.
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
	conn, response, err := dialer.DialContext(attempt, c.options.URL, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		err = fmt.Errorf("%w: %s", err, response.Status)
	}
	if !release() || err != nil {
		return nil, errors.Join(err, attempt.Err())
	}
	return newSession(ctx, conn, c.options), nil
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
		return errors.Join(s.heard(), pong(data))
	})
	go s.watch(ctx)
	return s
}

// register says who we are.
func (s *session) register(r registration) error {
	s.conn.SetWriteDeadline(time.Now().Add(s.silence))
	return s.conn.WriteMessage(websocket.BinaryMessage, appendRegister(nil, r))
}

// receive blocks for the next message. The error wraps [core.ErrSilentPeer] if
// nothing was heard for too long.
func (s *session) receive() ([]byte, error) {
	if err := s.heard(); err != nil {
		return nil, err
	}
	_, message, err := s.conn.ReadMessage()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("%w: nothing heard for %v", core.ErrSilentPeer, s.silence)
	}
	if err != nil {
		return nil, closeCause(err)
	}
	return message, nil
}

// heard grants the service another period of silence. It is called by the
// reading goroutine only.
func (s *session) heard() error {
	return s.conn.SetReadDeadline(time.Now().Add(s.silence))
}

// watch says goodbye when ctx ends, which makes the service end the connection
// and thereby the reading, and ends it itself if that takes too long.
func (s *session) watch(ctx context.Context) {
	defer close(s.watched)
	select {
	case <-s.ended:
		return
	case <-ctx.Done():
	}
	if sendClose(s.conn, closeLeaving) == nil {
		grace := time.NewTimer(closeGrace)
		defer grace.Stop()
		select {
		case <-s.ended:
		case <-grace.C:
		}
	}
	s.conn.Close()
}

// close ends the connection and joins the session's goroutine.
func (s *session) close() {
	close(s.ended)
	s.conn.Close()
	<-s.watched
}

// complaint is the level at which to log that the service misbehaves: a
// warning the first time.
func (s *session) complaint() slog.Level {
	if s.complained {
		return slog.LevelDebug
	}
	s.complained = true
	return slog.LevelWarn
}
