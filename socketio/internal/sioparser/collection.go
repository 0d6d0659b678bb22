package sioparser

import (
	"bytes"
	"io"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// collection is a packet whose attachments are being received.
type collection struct {
	mu      sync.Mutex
	packet  *parser.Packet // nil once it is complete or abandoned
	buffers []types.BufferInterface
}

// add returns the packet when it is complete. As in the library, a packet that expects no
// attachments never is: it keeps whatever comes.
func (c *collection) add(buffer types.BufferInterface) (*parser.Packet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buffers = append(c.buffers, buffer)
	if c.packet == nil || uint64(len(c.buffers)) != *c.packet.Attachments {
		return nil, nil
	}
	packet, buffers := c.packet, c.buffers
	c.packet, c.buffers = nil, nil
	return parser.ReconstructPacket(packet, buffers)
}

func (c *collection) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packet, c.buffers = nil, nil
}

// read copies an attachment into its own buffer.
func read(data any) (types.BufferInterface, error) {
	switch data := data.(type) {
	case []byte:
		return types.NewBytesBuffer(bytes.Clone(data)), nil
	case *types.BytesBuffer:
		return types.NewBytesBuffer(bytes.Clone(data.Next(data.Len()))), nil
	case io.Reader:
		if closer, ok := data.(io.Closer); ok {
			defer closer.Close()
		}
		return types.NewBytesBufferReader(data)
	}
	return types.NewBytesBuffer(nil), nil
}
