package polling

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

var (
	// ErrTooLarge says that a client has sent more in one request than the option
	// maxHttpBufferSize allows.
	ErrTooLarge = errors.New("request too large")

	errContent     = errors.New("a client of revision 4 sends no binary payloads")
	errPostOverlap = errors.New("a data request of the client is under way already")
)

// post handles a request with packets of the client.
func (t *Transport) post(ctx *types.HttpContext) {
	binary := ctx.Headers().Peek("Content-Type") == "application/octet-stream"
	if binary && t.Protocol() == 4 {
		refuse(ctx, http.StatusBadRequest)
		t.OnError("invalid content", errContent)
		return
	}
	if !t.beginPost(ctx) {
		refuse(ctx, http.StatusBadRequest)
		t.OnError("data request overlap from client", errPostOverlap)
		return
	}
	body, err := t.body(ctx)
	t.bodyCame()
	switch {
	case errors.Is(err, ErrTooLarge):
		t.endPost()
		t.tooLarge(ctx, err)
		return
	case err != nil:
		t.endPost()
		refuse(ctx, http.StatusBadRequest)
		t.OnError("data request connection closed prematurely", err)
		return
	}
	var data types.BufferInterface
	if binary {
		data = types.NewBytesBuffer(body)
	} else {
		data = types.NewStringBuffer(body)
	}
	if f := t.flow.Load(); f != nil {
		f.Came(len(body))
	}
	t.OnData(data)
	t.awaitRoom(ctx)
	t.endPost() // now, because the client may send the next one as soon as it has the answer
	t.acknowledge(ctx)
}

// acknowledge answers a request whose packets have been handled. Its Content-Type is one
// that browsers do not offer to download.
func (t *Transport) acknowledge(ctx *types.HttpContext) {
	headers := types.NewParameterBag(map[string][]string{"Content-Type": {"text/html"}, "Content-Length": {"2"}})
	if agent := ctx.UserAgent(); strings.Contains(agent, ";MSIE") || strings.Contains(agent, "Trident/") {
		headers.Set("X-XSS-Protection", "0")
	}
	headers.Set("Cache-Control", "no-store")
	t.Emit("headers", headers, ctx)
	ctx.ResponseHeaders().With(headers.All())
	_ = ctx.SetStatusCode(http.StatusOK)
	_, _ = io.WriteString(ctx, "ok")
}

// beginPost returns false if another request with packets is in progress: their order could
// not be known.
func (t *Transport) beginPost(ctx *types.HttpContext) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.posting != nil {
		return false
	}
	t.posting, t.received = ctx, false
	return true
}

func (t *Transport) bodyCame() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.received = true
}

func (t *Transport) endPost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posting = nil
}

// body reads a request's body, up to the limit.
func (t *Transport) body(ctx *types.HttpContext) ([]byte, error) {
	request, limit := ctx.Request(), t.MaxHttpBufferSize()
	if request.ContentLength > limit {
		return nil, fmt.Errorf("%w: %d bytes are announced, %d are allowed", ErrTooLarge, request.ContentLength, limit)
	}
	if request.Body == nil {
		return nil, nil
	}
	defer request.Body.Close()
	body, err := io.ReadAll(io.LimitReader(request.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("%w: more than the %d bytes that are allowed", ErrTooLarge, limit)
	}
	return body, err
}

// tooLarge ends the session of a client that has sent too much. The client learns it from
// the status, whichever of its requests is answered first.
func (t *Transport) tooLarge(ctx *types.HttpContext, cause error) {
	t.mu.Lock()
	t.status = http.StatusRequestEntityTooLarge
	t.mu.Unlock()
	refuse(ctx, http.StatusRequestEntityTooLarge)
	t.env.Engine.Emit("connection_error", &types.ErrorMessage{
		CodeMessage: engine.BAD_REQUEST,
		Req:         ctx,
		Context:     map[string]any{"name": "PAYLOAD_TOO_LARGE", "sid": t.Sid(), "error": cause},
	})
	t.OnError("payload too large", cause)
}

// OnData passes on the packets of a payload.
func (t *Transport) OnData(data types.BufferInterface) {
	if t.jsonp {
		form, err := url.ParseQuery(data.String())
		if err != nil {
			t.OnError("jsonp read error", err)
			return
		}
		if !form.Has("d") {
			return
		}
		data = types.NewStringBufferString(newlines.Replace(form.Get("d")))
	}
	for _, p := range t.decode(data) {
		if p.Type == packet.CLOSE {
			t.OnClose()
			return
		}
		t.OnPacket(p)
	}
}

// separator separates the packets of a payload of version 4.
const separator = "\x1e"

// decode splits a payload into packets. If it meets something that is not a packet, an
// error packet replaces that and the rest: it makes the engine socket end the session. The
// library's parser returns nothing for it, and leaves empty packets out.
func (t *Transport) decode(data types.BufferInterface) []*packet.Packet {
	if t.Protocol() != 4 {
		packets, err := t.Parser().DecodePayload(data)
		if err != nil || len(packets) == 0 {
			packets = append(packets, &packet.Packet{Type: packet.ERROR})
		}
		return packets
	}
	var packets []*packet.Packet
	for part := range bytes.SplitSeq(data.Bytes(), []byte(separator)) {
		p, err := t.Parser().DecodePacket(types.NewStringBuffer(part))
		if err != nil {
			return append(packets, &packet.Packet{Type: packet.ERROR})
		}
		packets = append(packets, p)
	}
	return packets
}

// newlines undoes how JSONP clients escape newlines, and backslashes in front of an n.
var newlines = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")
