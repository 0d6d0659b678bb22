package baseline

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// maxWrite limits the bytes of one write.
	maxWrite = 64 << 10
	// maxQueued limits what waits for one client. A slower client is disconnected.
	maxQueued    = 64 << 20
	writeTimeout = 10 * time.Second
)

// conn is one client.
type conn struct {
	socket *websocket.Conn
	work   *sync.WaitGroup
	rooms  []string // guarded by the server

	mu      sync.Mutex
	waiting [][]byte // frames, which are shared with other connections
	bytes   int
	writing bool // a goroutine is writing what waits
	closed  bool
}

func newConn(socket *websocket.Conn, work *sync.WaitGroup) *conn {
	return &conn{socket: socket, work: work}
}

// queue adds a frame behind those that wait.
func (c *conn) queue(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.bytes += len(frame); c.bytes > maxQueued {
		c.closeLocked()
		return
	}
	c.waiting = append(c.waiting, frame)
	if !c.writing {
		c.writing = true
		c.work.Go(c.write)
	}
}

// write writes everything that waits, in as few writes as possible, and ends when nothing
// waits any more.
func (c *conn) write() {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	var frames [][]byte
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 || c.closed {
			c.writing, c.waiting, c.bytes = false, nil, 0
			c.mu.Unlock()
			return
		}
		frames, c.waiting, c.bytes = c.waiting, frames[:0], 0
		c.mu.Unlock()
		if err := c.send(frames, buffer); err != nil {
			c.close()
		}
		clear(frames)
	}
}

// send writes frames, as many at once as fit into the buffer.
func (c *conn) send(frames [][]byte, buffer *[]byte) error {
	below := c.socket.NetConn()
	below.SetWriteDeadline(time.Now().Add(writeTimeout))
	batch := (*buffer)[:0]
	for i, frame := range frames {
		batch = append(batch, frame...)
		if last := i == len(frames)-1; !last && len(batch)+len(frames[i+1]) <= maxWrite {
			continue
		}
		if _, err := below.Write(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	*buffer = batch
	return nil
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked()
}

func (c *conn) closeLocked() {
	c.closed = true
	c.socket.Close()
}

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, maxWrite)
	return &b
}}

// textFrame is a whole WebSocket frame.
func textFrame(payload string) []byte {
	const finalText = 0x81
	frame := make([]byte, 0, len(payload)+10)
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, finalText, byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, finalText, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, finalText, 127), uint64(n))
	}
	return append(frame, payload...)
}
