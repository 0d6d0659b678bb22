package quic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

// maxIntroduction is how long an introduction may be, in bytes.
const maxIntroduction = 1 << 10

// introduce makes a conn of a QUIC connection: both ends open their first stream
// and say how many lanes they have. It takes over the socket's hold; on error the
// connection is closed.
func (t *Transport) introduce(ctx context.Context, quic *quicgo.Conn, s *socket, advice string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { quic.CloseWithError(applicationCode(noIntroduction(ctx))) })
	c, err := t.exchange(ctx, quic)
	inTime := stop()
	if err != nil || !inTime {
		quic.CloseWithError(applicationCode(noIntroduction(ctx)))
		s.release()
		if !inTime {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("introduction: %w", explain(err, advice))
	}
	c.socket, c.advice = s, advice
	c.accepting.Go(c.acceptLanes)
	return c, nil
}

// noIntroduction is why a connection whose introduction failed is closed.
func noIntroduction(ctx context.Context) core.CloseReason {
	switch {
	case ctx.Err() == nil:
		return core.CloseProtocolError
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.CloseHelloTimeout
	}
	return closePending
}

// exchange says what there is to say, and hears it.
func (t *Transport) exchange(ctx context.Context, quic *quicgo.Conn) (*conn, error) {
	out, err := quic.OpenUniStream()
	if err != nil {
		return nil, err
	}
	lanes := binary.AppendUvarint(nil, uint64(t.options.Lanes))
	if _, err := out.Write(append(appendSize(nil, len(lanes)), lanes...)); err != nil {
		return nil, err
	}
	in, err := quic.AcceptUniStream(ctx)
	if err != nil {
		return nil, err
	}
	r := newFrameReader(in)
	introduction, err := r.next(maxIntroduction)
	if err != nil {
		return nil, err
	}
	theirs, n := binary.Uvarint(introduction)
	if n <= 0 || theirs == 0 {
		return nil, fmt.Errorf("%w: number of lanes", core.ErrMalformed)
	}
	return t.newConn(quic, out, in, r, min(t.options.Lanes, int(min(theirs, maxLanes))))
}

// newConn opens the streams of the lanes, of which the peer learns when they are
// used.
func (t *Transport) newConn(quic *quicgo.Conn, out *quicgo.SendStream, in *quicgo.ReceiveStream, r *frameReader, lanes int) (*conn, error) {
	c := &conn{
		quic:         quic,
		closeTimeout: t.options.CloseTimeout,
		closing:      make(chan struct{}),
		complete:     make(chan struct{}),
	}
	c.limit.Store(int64(t.options.MaxFrame))
	for i := range 1 + lanes {
		q := &sequence{conn: c, index: i, opened: make(chan struct{}), unused: make(chan struct{})}
		c.sequences = append(c.sequences, q)
		if i == 0 {
			q.sender.stream, q.sender.used = out, true
			q.stream, q.reader = in, r
			close(q.opened)
			continue
		}
		stream, err := quic.OpenUniStream()
		if err != nil {
			return nil, fmt.Errorf("%w: %d lanes offered: %w", core.ErrMalformed, lanes, err)
		}
		q.sender.stream = stream
	}
	out.SetPriority(urgent, true)
	return c, nil
}

// urgent is the priority of the Conn's own frames (RFC 9218); lanes have 3.
const urgent = 0
