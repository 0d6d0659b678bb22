package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// tcpBuffer is how many bytes are written, and read, at once.
const tcpBuffer = 64 << 10

// tcpEnd is bare TCP: each message follows its length.
type tcpEnd struct {
	conn    net.Conn
	reading sync.WaitGroup

	mu     sync.Mutex
	writer *bufio.Writer
}

func newTCPEnd(conn net.Conn, receive func(End, []byte)) *tcpEnd {
	e := &tcpEnd{conn: conn, writer: bufio.NewWriterSize(conn, tcpBuffer)}
	e.reading.Go(func() { e.read(receive) })
	return e
}

func (e *tcpEnd) Send(message []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writer.Write(binary.BigEndian.AppendUint32(e.writer.AvailableBuffer(), uint32(len(message))))
	_, err := e.writer.Write(message)
	return err
}

func (e *tcpEnd) Flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writer.Flush()
}

func (e *tcpEnd) read(receive func(End, []byte)) {
	reader := bufio.NewReaderSize(e.conn, tcpBuffer)
	var message []byte
	for {
		head, err := reader.Peek(4)
		if err != nil {
			return
		}
		size := int(binary.BigEndian.Uint32(head))
		reader.Discard(4)
		message = append(message[:0], make([]byte, size)...)
		if _, err := io.ReadFull(reader, message); err != nil {
			return
		}
		receive(e, message)
	}
}

func (e *tcpEnd) Close() error {
	err := e.conn.Close()
	e.reading.Wait()
	return err
}

func dialTCP(ctx context.Context, address string, receive func(End, []byte)) (End, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return newTCPEnd(conn, receive), nil
}

// waiting is the listening end: it is usable when the other end has connected.
type waiting struct {
	stop  func() error
	serve sync.WaitGroup

	mu  sync.Mutex
	end End
}

func (w *waiting) Send([]byte) error { return errors.New("link: the end that waits only answers") }

func (w *waiting) Flush() error { return nil }

func (w *waiting) Close() error {
	err := w.stop()
	w.mu.Lock()
	end := w.end
	w.mu.Unlock()
	if end != nil {
		err = errors.Join(err, end.Close())
	}
	w.serve.Wait()
	return err
}

func (w *waiting) set(end End) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = end
}

func listenTCP(ctx context.Context, receive func(End, []byte)) (End, string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	w := &waiting{stop: listener.Close}
	w.serve.Go(func() {
		if conn, err := listener.Accept(); err == nil {
			w.set(newTCPEnd(conn, receive))
		}
	})
	return w, listener.Addr().String(), nil
}

// gorillaEnd is a bare WebSocket: each message is written separately.
type gorillaEnd struct {
	socket  *websocket.Conn
	reading sync.WaitGroup
	mu      sync.Mutex
}

func newGorillaEnd(socket *websocket.Conn, receive func(End, []byte)) *gorillaEnd {
	e := &gorillaEnd{socket: socket}
	e.reading.Go(func() {
		for {
			_, message, err := socket.ReadMessage()
			if err != nil {
				return
			}
			receive(e, message)
		}
	})
	return e
}

func (e *gorillaEnd) Send(message []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.socket.WriteMessage(websocket.BinaryMessage, message)
}

func (e *gorillaEnd) Flush() error { return nil }

func (e *gorillaEnd) Close() error {
	err := e.socket.Close()
	e.reading.Wait()
	return err
}

func dialGorilla(ctx context.Context, address string, receive func(End, []byte)) (End, error) {
	socket, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+address, nil)
	if err != nil {
		return nil, err
	}
	return newGorillaEnd(socket, receive), nil
}

func listenGorilla(ctx context.Context, receive func(End, []byte)) (End, string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	w := &waiting{}
	var upgrader websocket.Upgrader
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if socket, err := upgrader.Upgrade(rw, r, nil); err == nil {
			w.set(newGorillaEnd(socket, receive))
		}
	})}
	w.stop = server.Close
	w.serve.Go(func() { server.Serve(listener) })
	return w, listener.Addr().String(), nil
}
