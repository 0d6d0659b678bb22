package sioparser

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/log"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// parserLog is the library's debug log for its own decoder.
var parserLog = log.NewLog("socket.io:parser")

// Decoder decodes the packets of one client and emits them as "decoded". Packets must be
// added one after the other; Destroy may be called at any time. The zero Decoder is ready.
type Decoder struct {
	gated
	collection atomic.Pointer[collection] // the packet whose attachments are being received; nil if there is none
}

var _ parser.Decoder = (*Decoder)(nil)

// Add decodes received data: a string or a text buffer is a packet, any other data an
// attachment. It consumes a buffer. If the data is a [Gate], that gets the packets from
// then on; it may be added while packets are added.
func (d *Decoder) Add(data any) error {
	if gate, ok := data.(Gate); ok {
		d.gate.Store(&gate)
		return nil
	}
	return d.failed(d.add(data))
}

func (d *Decoder) add(data any) error {
	switch data := data.(type) {
	case *types.StringBuffer:
		return d.text(data.Next(data.Len()))
	case string:
		return d.text([]byte(data))
	case *strings.Reader:
		text, err := io.ReadAll(data)
		if err != nil {
			return err
		}
		return d.text(text)
	}
	if !parser.IsBinary(data) {
		return fmt.Errorf("unknown type: %T", data)
	}
	return d.attachment(data)
}

// text decodes a packet.
func (d *Decoder) text(text []byte) error {
	if d.collection.Load() != nil {
		return parser.ErrPlaintextDuringReconstruction
	}
	p, err := decode(text)
	if err != nil {
		if log.DEBUG.Load() {
			parserLog.Debug("decode error: %v", err)
		}
		return err
	}
	if log.DEBUG.Load() {
		parserLog.Debug("decoded %s as %v", text, p)
	}
	if p.Attachments != nil {
		d.collection.Store(&collection{packet: p})
		if *p.Attachments > 0 {
			return nil
		}
	}
	d.decoded(p)
	return nil
}

// attachment adds an attachment; the last one completes its packet.
func (d *Decoder) attachment(data any) error {
	c := d.collection.Load()
	if c == nil {
		return parser.ErrBinaryWithoutReconstruction
	}
	buffer, err := read(data)
	if err != nil {
		return err
	}
	p, err := c.add(buffer)
	if err != nil {
		return fmt.Errorf("decode error: %w", err)
	}
	if p != nil {
		d.collection.Store(nil)
		d.decoded(p)
	}
	return nil
}

// Destroy drops a packet that is not complete.
func (d *Decoder) Destroy() {
	if c := d.collection.Load(); c != nil {
		c.clear()
	}
}
