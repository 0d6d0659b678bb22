package polling

import (
	"net/http"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/backlog"
)

// What an engine socket sends while no poll is open waits in its own queue, which has no
// limit. So the transport counts it: [Transport.Waits] adds to the account, and Send takes
// off.

// Waits notes that a message of so many bytes is about to wait in the engine socket.
func (t *Transport) Waits(bytes int) {
	if t.account != nil {
		t.account.Add(bytes)
	}
}

// sending notes that messages are being sent to the client, and returns their number and
// bytes.
func (t *Transport) sending(packets []*packet.Packet) (messages, bytes int) {
	if t.account == nil {
		return 0, 0
	}
	for _, p := range packets {
		if p.Type == packet.MESSAGE {
			messages++
			bytes += Length(p.Data)
		}
	}
	t.account.Send(bytes)
	return messages, bytes
}

// sent notes that the answer is written, or never will be.
func (t *Transport) sent(a answer) {
	if t.account != nil && a.messages > 0 {
		t.account.Take(a.messages, a.bytes)
	}
}

// Length returns how many bytes a message's data has; 0 if that is not known.
func Length(data any) int {
	if d, ok := data.(interface{ Len() int }); ok {
		return d.Len()
	}
	return 0
}

// tooSlow ends the session of a client that takes too little.
func (t *Transport) tooSlow(err *backlog.Error) {
	if t.env.Slow != nil {
		t.env.Slow(t.Sid(), t.remote, err)
	}
	t.mu.Lock()
	t.slow = true
	t.hurry()
	t.mu.Unlock()
	t.OnError("client too slow", err)
}

// beginWrite notes that the answer to a poll is being written, which takes as long as the
// client needs to read it.
func (t *Transport) beginWrite(ctx *types.HttpContext) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = ctx
	if t.closed || t.slow {
		t.hurry()
	}
}

func (t *Transport) endWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hurried { // the connection may carry other requests, which need no deadline
		_ = http.NewResponseController(t.writing.Response()).SetWriteDeadline(time.Time{})
	}
	t.writing, t.hurried = nil, false
}

// hurry sets a deadline for the answer that is being written, because the session ends. For
// a client that was too slow the deadline is now. mu is held.
func (t *Transport) hurry() {
	if t.writing == nil {
		return
	}
	left := transports.DefaultPollingCloseTimeout
	if t.slow {
		left = 0
	}
	t.hurried = true
	_ = http.NewResponseController(t.writing.Response()).SetWriteDeadline(time.Now().Add(left))
}
