package service

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// attend serves one connection: this goroutine reads, another one writes.
func (s *Server) attend(sub *subscriber, conn *websocket.Conn) {
	sub.conn.Store(conn)
	w := writer{
		subscriber: sub,
		conn:       conn,
		registry:   s.registry,
		options:    &s.options,
		log:        s.log.With("remote", sub.remote),
	}
	ended, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		w.run(ended)
	}()
	s.read(sub, conn)
	close(ended)
	conn.Close()
	<-written
}

// read takes in what a node says until its connection ends.
func (s *Server) read(sub *subscriber, conn *websocket.Conn) {
	conn.SetReadLimit(int64(s.options.MaxMessage))
	conn.SetPongHandler(func(string) error {
		sub.alive.Store(true)
		return nil
	})
	for malformed := 0; ; {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			s.ended(sub, err)
			return
		}
		if sub.stopped() {
			continue // until it agrees to the close, or its time is up
		}
		if err := s.handle(sub, kind, message); err != nil {
			malformed++
			s.complain(sub, malformed, err)
		}
	}
}

// handle takes in one message. The error says what is malformed about it.
func (s *Server) handle(sub *subscriber, kind int, message []byte) error {
	if kind != websocket.BinaryMessage {
		return fmt.Errorf("%w: text instead of binary", core.ErrMalformed)
	}
	registration, err := decodeRegister(message)
	if errors.Is(err, core.ErrUnsupported) {
		s.log.Debug("message ignored", "remote", sub.remote, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	if !s.authorized(registration.token) {
		s.refuse(sub, registration)
		return nil
	}
	if err := acceptable(registration.Peer); err != nil {
		return err
	}
	s.register(sub, registration.Peer)
	return nil
}

// authorized compares in a time that says nothing about the token.
func (s *Server) authorized(token string) bool {
	if s.options.Token == "" {
		return true
	}
	want, have := sha256.Sum256([]byte(s.options.Token)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(want[:], have[:]) == 1
}

// acceptable returns an error for a node that cannot be in a roster.
func acceptable(p core.Peer) error {
	switch {
	case p.ID == "" || p.Address == "":
		return fmt.Errorf("register: %w: serverId or address is missing", core.ErrMalformed)
	case len(p.ID) > maxID || len(p.Address) > maxAddress:
		return fmt.Errorf("register: %w: serverId or address is too long", core.ErrMalformed)
	}
	return nil
}

func (s *Server) refuse(sub *subscriber, r registration) {
	s.unauthorized.Add(1)
	s.notice(refusal(sub, r.Peer), "node refused: wrong or missing token",
		"remote", sub.remote, "id", clip(r.ID), "address", clip(r.Address))
	sub.stop(closeUnauthorized)
}

func (s *Server) register(sub *subscriber, p core.Peer) {
	replaced, ok := s.registry.register(sub, p)
	if !ok {
		s.refused.Add(1)
		s.notice("full", "nodes refused: the roster is full", "remote", sub.remote, "id", p.ID)
		sub.stop(closeFull)
		return
	}
	s.notices.forget(refusal(sub, p))
	if replaced != nil {
		s.log.Warn("node taken over by another connection", "id", p.ID, "remote", sub.remote, "replaced", replaced.remote)
	}
	s.log.Info("node registered", "id", p.ID, "address", p.Address, "remote", sub.remote)
}

func (s *Server) detach(sub *subscriber) {
	if left, registered := s.registry.detach(sub); registered {
		s.log.Info("node left", "id", left.ID, "address", left.Address, "remote", sub.remote)
	}
}

// complain counts a malformed message, and closes the connection when there
// are too many.
func (s *Server) complain(sub *subscriber, times int, err error) {
	s.malformed.Add(1)
	s.notice("malformed "+sub.host(), "malformed message ignored", "remote", sub.remote, "err", err)
	if times == maxMalformed {
		sub.stop(core.CloseProtocolError)
	}
}

// ended looks at why reading ended; a message above the limit counts as
// malformed.
func (s *Server) ended(sub *subscriber, err error) {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.malformed.Add(1)
		s.notice("malformed "+sub.host(), "connection closed: message too long", "remote", sub.remote, "limit", s.options.MaxMessage)
		return
	}
	s.log.Debug("connection ended", "remote", sub.remote, "err", closeCause(err))
}

// refusal is the key of a notice: it tells those apart who are refused, by
// host and by the id they claim.
func refusal(sub *subscriber, p core.Peer) string {
	return "unauthorized " + sub.host() + " " + clip(p.ID)
}

// clip shortens what a stranger sent, for the log.
func clip(text string) string {
	const limit = 64
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}
