package link

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/socketmesh/mesh/core"
)

const (
	// batchBytes and batchFrames limit how much is passed to a connection at once.
	batchBytes  = 256 << 10
	batchFrames = 256
)

// connEnd is one connection of a transport, without a node. It collects frames as the queue
// of a link does, and sends them in batches.
type connEnd struct {
	conn    core.Conn
	reading sync.WaitGroup

	mu     sync.Mutex
	bytes  []byte // the bytes of the frames that wait
	frames [][]byte
}

func newConnEnd(conn core.Conn, receive func(End, []byte)) *connEnd {
	e := &connEnd{conn: conn}
	e.reading.Go(func() {
		for {
			frame, err := conn.Recv()
			if err != nil {
				return
			}
			receive(e, frame)
		}
	})
	return e
}

func (e *connEnd) Send(message []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.frames) == batchFrames || len(e.bytes)+len(message) > batchBytes {
		if err := e.flush(); err != nil {
			return err
		}
	}
	e.bytes = append(slices.Grow(e.bytes, batchBytes-len(e.bytes)), message...)
	end := len(e.bytes)
	e.frames = append(e.frames, e.bytes[end-len(message):end:end])
	return nil
}

func (e *connEnd) Flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flush()
}

func (e *connEnd) flush() error {
	err := e.conn.Send(context.Background(), e.frames)
	e.bytes, e.frames = e.bytes[:0], e.frames[:0]
	return err
}

func (e *connEnd) Close() error {
	err := e.conn.Close(core.CloseShutdown)
	e.reading.Wait()
	return err
}

func listenConn(ctx context.Context, transport core.Transport, address string, receive func(End, []byte)) (End, string, error) {
	listener, err := transport.Listen(ctx, address)
	if err != nil {
		return nil, "", err
	}
	w := &waiting{stop: listener.Close}
	w.serve.Go(func() {
		if conn, err := listener.Accept(); err == nil {
			w.set(newConnEnd(conn, receive))
		}
	})
	address = listener.Addr()
	if !strings.Contains(address, "://") {
		address = transport.Name() + "://" + address
	}
	return w, address, nil
}

func dialConn(ctx context.Context, transport core.Transport, address string, receive func(End, []byte)) (End, error) {
	conn, err := transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return newConnEnd(conn, receive), nil
}
