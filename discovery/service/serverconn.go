package service

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// serveConn serves one connection: this goroutine reads, another one writes.
func (s *Server) serveConn(sub *subscriber, conn *websocket.Conn) {
	sub.conn.Store(conn)
	w := writer{
		subscriber: sub,
		conn:       conn,
		registry:   s.registry,
		options:    &s.options,
		log:        s.log.With("remote", sub.remote),
		sentBytes:  &s.sentBytes,
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

// read handles the messages of a node until its connection ends.
func (s *Server) read(sub *subscriber, conn *websocket.Conn) {
	conn.SetReadLimit(int64(s.options.MaxMessage))
	conn.SetPongHandler(func(string) error {
		sub.alive.Store(true)
		return nil
	})
	for malformed := 0; ; {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			s.readEnded(sub, err)
			return
		}
		if sub.stopped() {
			continue // until the node answers the close frame, or closeTimeout is over
		}
		if err := s.handle(sub, kind, message); err != nil {
			malformed++
			s.malformedMessage(sub, malformed, err)
		}
	}
}

// handle handles one message. It returns an error if the message is malformed.
func (s *Server) handle(sub *subscriber, kind int, message []byte) error {
	if kind != websocket.BinaryMessage {
		return fmt.Errorf("%w: a text message, want a binary one", core.ErrMalformed)
	}
	registration, err := decodeRegister(message)
	if errors.Is(err, core.ErrUnsupported) {
		s.log.Debug("message ignored", "remote", sub.remote, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case !s.authorized(registration, sub.challenge):
		s.refuse(sub, registration, closeUnauthorized, errWrongToken)
		return nil
	case registration.isRelayed(sub.binding):
		s.refuse(sub, registration, closeRelayed, core.ErrRelayed)
		return nil
	}
	if registration.ID == "" || registration.Address == "" {
		return fmt.Errorf("register: %w: serverId or address is missing", core.ErrMalformed)
	}
	if reason, long := tooLong(registration.Peer); long {
		s.refusedLength.Add(1)
		s.warn("long "+sub.host(), "node refused: its id or address is too long", "reason", reason.Text,
			"peer", clip(registration.ID), "address", clip(registration.Address), "remote", sub.remote)
		sub.stop(reason)
		return nil
	}
	s.register(sub, registration)
	return nil
}

// guarded reports whether nodes need a token.
func (s *Server) guarded() bool { return s.options.Tokens != nil || s.options.AuthToken != "" }

// authorized checks the proof, or the token, in a time that does not depend on it. While
// a token is being replaced, the old and the new one are valid.
func (s *Server) authorized(r registration, challenge string) bool {
	if !s.guarded() {
		return true
	}
	accepted := []string{s.options.AuthToken}
	if s.options.Tokens != nil {
		accepted = s.options.Tokens()
	}
	if r.proof != "" {
		return r.proves(challenge, accepted)
	}
	token := r.token
	have, found := sha256.Sum256([]byte(token)), 0
	for _, other := range accepted {
		want := sha256.Sum256([]byte(other))
		found |= subtle.ConstantTimeCompare(want[:], have[:])
	}
	return found == 1
}

// tooLong reports whether a node's id or address is too long for the roster, with the
// reason to close its connection.
func tooLong(p core.Peer) (core.CloseReason, bool) {
	switch {
	case len(p.ID) > maxID:
		return closeLongID, true
	case len(p.Address) > maxAddress:
		return closeLongAddress, true
	}
	return core.CloseReason{}, false
}

var errWrongToken = errors.New("wrong or missing token")

func (s *Server) refuse(sub *subscriber, r registration, reason core.CloseReason, why error) {
	s.unauthorized.Add(1)
	s.warn(refusalKey(sub, r.Peer), "node refused: "+why.Error(),
		"peer", clip(r.ID), "address", clip(r.Address), "remote", sub.remote)
	sub.stop(reason)
}

func (s *Server) register(sub *subscriber, r registration) {
	p := r.Peer
	replaced, ok := s.registry.register(sub, p, r.features)
	if !ok {
		s.refusedFull.Add(1)
		s.warn("full", "nodes refused: the roster is full", "peer", p.ID, "remote", sub.remote, "limit", s.options.MaxNodes)
		sub.stop(closeFull)
		return
	}
	s.logOnce.Forget(refusalKey(sub, p))
	if replaced != nil {
		s.log.Warn("node registered by another connection", "peer", p.ID, "remote", sub.remote, "replaced", replaced.remote)
	}
	s.log.Info("node registered", "peer", p.ID, "address", p.Address, "remote", sub.remote)
	if other, owner := s.registry.sharing(p); owner != nil {
		s.warn("address "+clip(p.Address), "two nodes have the same address: others reach only one of them, unless the other one has just been restarted",
			"address", clip(p.Address), "peer", p.ID, "other", other.ID, "setting", "Advertise (MESH_ADVERTISE), different on each server")
		s.tellShared(sub, other)
		s.tellShared(owner, p)
	}
}

// tellShared sends a node a notice that another one has the same address, if it has asked
// for notices.
func (s *Server) tellShared(sub *subscriber, other core.Peer) {
	if s.registry.wantsNotices(sub) {
		s.notices.Add(1)
		sub.tell(appendNotice(nil, notice{noticeSharedAddress, other}))
	}
}

func (s *Server) detach(sub *subscriber) {
	if left, registered := s.registry.detach(sub); registered {
		s.log.Info("node left", "peer", left.ID, "address", left.Address, "remote", sub.remote)
	}
}

// malformedMessage counts and logs a malformed message, and closes the connection
// when there are too many.
func (s *Server) malformedMessage(sub *subscriber, times int, err error) {
	s.malformed.Add(1)
	s.warn("malformed "+sub.host(), "malformed message ignored", "remote", sub.remote, "error", err)
	if times == maxMalformed {
		sub.stop(core.CloseProtocolError)
	}
}

// readEnded logs why reading ended; a message above the limit counts as malformed.
func (s *Server) readEnded(sub *subscriber, err error) {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.malformed.Add(1)
		s.warn("malformed "+sub.host(), "connection closed: message too long", "remote", sub.remote, "limit", s.options.MaxMessage)
		return
	}
	s.log.Debug("connection ended", "remote", sub.remote, "error", readError(err))
}

// refusalKey is the key of a log line about a refused node: by its host and by the id
// that it claims.
func refusalKey(sub *subscriber, p core.Peer) string {
	return "unauthorized " + sub.host() + " " + clip(p.ID)
}

// clip shortens a stranger's string for the log.
func clip(text string) string {
	const limit = 64
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}
