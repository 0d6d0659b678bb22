package quic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

// maxPreface bounds a peer's preface, in bytes.
const maxPreface = 1 << 10

// handshake makes a conn from a QUIC connection: each end opens its first stream and
// sends a preface. The conn takes over the caller's hold of the socket. On error the
// connection is closed and the socket released.
func (t *Transport) handshake(ctx context.Context, quic *quicgo.Conn, s *socket, advice string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { quic.CloseWithError(applicationCode(handshakeFailure(ctx))) })
	c, err := t.exchangePrefaces(ctx, quic)
	inTime := stop()
	if err != nil || !inTime {
		quic.CloseWithError(applicationCode(handshakeFailure(ctx)))
		s.release()
		if !inTime {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("preface: %w", explain(err, advice))
	}
	c.socket, c.advice = s, advice
	c.accepting.Go(c.acceptStreams)
	return c, nil
}

// handshakeFailure is the reason to close a connection whose handshake has failed,
// or whose time for it is over.
func handshakeFailure(ctx context.Context) core.CloseReason {
	switch {
	case ctx.Err() == nil:
		return core.CloseProtocolError
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.CloseHelloTimeout
	}
	return core.CloseGoingAway
}

// exchangePrefaces sends this end's preface and reads the peer's.
func (t *Transport) exchangePrefaces(ctx context.Context, quic *quicgo.Conn) (*conn, error) {
	out, err := quic.OpenUniStream()
	if err != nil {
		return nil, err
	}
	streams := binary.AppendUvarint(nil, uint64(t.options.Streams))
	if _, err := out.Write(append(appendSize(nil, len(streams)), streams...)); err != nil {
		return nil, err
	}
	in, err := quic.AcceptUniStream(ctx)
	if err != nil {
		return nil, err
	}
	r := newFrameReader(in)
	preface, err := r.next(maxPreface)
	if err != nil {
		return nil, err
	}
	theirs, n := binary.Uvarint(preface)
	if n <= 0 || theirs == 0 {
		return nil, fmt.Errorf("%w: number of numbered streams", core.ErrMalformed)
	}
	return t.newConn(quic, out, in, r, min(t.options.Streams, int(min(theirs, maxStreams))))
}

// newConn opens this end's QUIC stream for each numbered stream. The peer learns of a
// QUIC stream only when something is sent on it.
func (t *Transport) newConn(quic *quicgo.Conn, out *quicgo.SendStream, in *quicgo.ReceiveStream, r *frameReader, streams int) (*conn, error) {
	c := &conn{
		quic:         quic,
		closeTimeout: t.options.CloseTimeout,
		closing:      make(chan struct{}),
		complete:     make(chan struct{}),
	}
	c.limit.Store(int64(t.options.MaxFrame))
	for i := range 1 + streams {
		s := &stream{conn: c, index: i, opened: make(chan struct{}), unused: make(chan struct{})}
		c.streams = append(c.streams, s)
		if i == 0 {
			s.sender.out, s.sender.used = out, true
			s.in, s.reader = in, r
			close(s.opened)
			continue
		}
		out, err := quic.OpenUniStream()
		if err != nil {
			return nil, fmt.Errorf("%w: %d streams offered: %w", core.ErrMalformed, streams, err)
		}
		s.sender.out = out
	}
	out.SetPriority(highPriority, true)
	return c, nil
}

// highPriority is the priority of the Conn's own frames (RFC 9218); streams have the
// library's default, 3.
const highPriority = 0
