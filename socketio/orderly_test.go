package socketio

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestPollBehindAnAnswer sends a poll at the worst moment: when the client has the
// answer to the last one, and the library is not done with that.
func TestPollBehindAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPoll(t), newPoll(t)
		p := &orderly{Polling: transports.NewPolling(first.ctx)}
		first.answered = func() {
			go p.OnRequest(second.ctx)
			time.Sleep(time.Second)
		}
		send := func(text string) {
			p.Send([]*packet.Packet{{Type: packet.MESSAGE, Data: strings.NewReader(text)}})
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		p.OnRequest(first.ctx)
		send("one")
		send("two")
		if got := first.Body.String(); got != "4one" {
			t.Errorf("the first poll was answered with %q", got)
		}
		if got := second.Body.String(); got != "4two" {
			t.Errorf("the second poll was answered with %q", got)
		}
	})
}

// TestPollsAtOnce are refused as ever.
func TestPollsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPoll(t), newPoll(t)
		p := &orderly{Polling: transports.NewPolling(first.ctx)}
		p.OnRequest(first.ctx)
		p.OnRequest(second.ctx)
		synctest.Wait()
		if second.Code != http.StatusBadRequest {
			t.Errorf("the second poll was answered with %d", second.Code)
		}
	})
}

// TestPollWhoseClientIsGone waits for nothing.
func TestPollWhoseClientIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPoll(t), newPoll(t)
		p := &orderly{Polling: transports.NewPolling(first.ctx)}
		stuck := make(chan struct{})
		first.answered = func() { <-stuck }
		p.OnRequest(first.ctx)
		p.Send([]*packet.Packet{{Type: packet.MESSAGE, Data: strings.NewReader("one")}})
		synctest.Wait()
		returned := false
		go func() {
			p.OnRequest(second.ctx)
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Error("the second poll did not wait")
		}
		second.cancel()
		synctest.Wait()
		if !returned {
			t.Error("the second poll still waits, though its client is gone")
		}
		close(stuck)
	})
}

// pollRequest is a request for packets, and its answer.
type pollRequest struct {
	*httptest.ResponseRecorder
	ctx      *types.HttpContext
	cancel   func()
	answered func() // called when the client has the answer
}

func newPoll(t *testing.T) *pollRequest {
	ctx, cancel := context.WithCancel(t.Context())
	r := &pollRequest{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
	r.ctx = types.NewHttpContext(r, httptest.NewRequestWithContext(ctx, http.MethodGet, "/?EIO=4&transport=polling", nil))
	return r
}

func (r *pollRequest) Write(b []byte) (int, error) {
	n, err := r.ResponseRecorder.Write(b)
	if r.answered != nil {
		r.answered()
	}
	return n, err
}
