package socketio

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

func TestHandshakesAreReadOnce(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	describe := func(i int) core.Socket {
		handshake, err := encodeHandshake(browser(i), "")
		if err != nil {
			t.Fatal(err)
		}
		return core.Socket{ID: "other", Rooms: []string{"other"}, Handshake: handshake}
	}
	first := a.detailsOf(nil, []core.Socket{describe(1), describe(2)})
	again := a.detailsOf(nil, []core.Socket{describe(2), describe(1)})
	if first[0].Handshake() != again[1].Handshake() || first[1].Handshake() != again[0].Handshake() {
		t.Error("a handshake was read twice")
	}
	if first[0].Handshake() == first[1].Handshake() {
		t.Error("one handshake for two sockets")
	}
	other := s.Of("/other", nil).Adapter().(*adapter)
	if there := other.detailsOf(nil, []core.Socket{describe(1)}); there[0].Handshake() != first[0].Handshake() {
		t.Error("a handshake was read twice, by two namespaces")
	}
}

// TestHandshakesOfTheSameKey: it is the text that counts.
func TestHandshakesOfTheSameKey(t *testing.T) {
	h := newHandshakes()
	one, other := &socket.Handshake{}, &socket.Handshake{}
	_, key := h.recall([]byte("one"))
	h.remember(key, []byte("one"), one)
	if got, _ := h.recall([]byte("one")); got != one {
		t.Fatal("not remembered")
	}
	h.remember(key, []byte("other"), other)
	if got, _ := h.recall([]byte("one")); got != nil {
		t.Errorf("%p, which was read from another text", got)
	}
}

func TestLongHandshakesAreNotRemembered(t *testing.T) {
	h := newHandshakes()
	for size, want := range map[int]bool{maxReadingSize: true, maxReadingSize + 1: false} {
		text := []byte(strings.Repeat("x", size))
		_, key := h.recall(text)
		h.remember(key, text, &socket.Handshake{})
		if got, _ := h.recall(text); (got != nil) != want {
			t.Errorf("%d bytes: remembered: %v", size, got != nil)
		}
	}
}

func TestHandshakesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandshakes()
		text := []byte("text")
		known := func() bool { got, _ := h.recall(text); return got != nil }
		remember := func() {
			_, key := h.recall(text)
			h.remember(key, text, &socket.Handshake{})
		}
		pass := func(quarters time.Duration) {
			time.Sleep(quarters * readingsLive / 4)
			synctest.Wait()
		}
		h.use()
		remember()
		pass(3)
		h.use()
		pass(3)
		if !known() {
			t.Error("forgotten while it is asked for")
		}
		pass(1)
		if known() {
			t.Error("kept")
		}

		h.use()
		remember()
		pass(3)
		if !known() {
			t.Error("forgotten after it had been forgotten")
		}
		pass(1)
	})
}
