package socketio

import (
	"hash/maphash"
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

// handshakeWith is the text of a handshake, of so many bytes.
func handshakeWith(url string, size int) core.Payload {
	text := `{"url":"` + url + `"}`
	return core.Payload{Text: []byte(text + strings.Repeat(" ", max(0, size-len(text))))}
}

// read reads a handshake, or finds it read.
func read(t *testing.T, h *handshakes, p core.Payload) *socket.Handshake {
	t.Helper()
	handshake, err := h.of(p, new(handshakeReader))
	if err != nil {
		t.Fatal(err)
	}
	return handshake
}

// TestHandshakesOfTheSameKey: it is the text that counts.
func TestHandshakesOfTheSameKey(t *testing.T) {
	h := newHandshakes()
	p := handshakeWith("/one", 0)
	one := read(t, h, p)
	if read(t, h, p) != one {
		t.Fatal("not remembered")
	}
	h.keep(maphash.Bytes(h.seed, p.Text), &reading{text: "another", handshake: new(socket.Handshake)})
	if got := read(t, h, p); got.Url != "/one" {
		t.Errorf("%+v, which was read from another text", got)
	}
}

func TestLongHandshakesAreNotRemembered(t *testing.T) {
	h := newHandshakes()
	for size, want := range map[int]bool{maxReadingSize: true, maxReadingSize + 1: false} {
		p := handshakeWith("/", size)
		first := read(t, h, p)
		if remembered := read(t, h, p) == first; remembered != want {
			t.Errorf("%d bytes: remembered: %v", size, remembered)
		}
	}
}

func TestHandshakesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandshakes()
		p := handshakeWith("/", 0)
		first := read(t, h, p)
		known := func() bool { return h.reading(maphash.Bytes(h.seed, p.Text)) != nil }
		pass := func(quarters time.Duration) {
			time.Sleep(quarters * readingsLive / 4) // the bubble's time
			synctest.Wait()
		}
		h.use()
		pass(3)
		h.use()
		pass(3)
		if !known() || read(t, h, p) != first {
			t.Error("forgotten while it is asked for")
		}
		pass(1)
		if known() {
			t.Error("kept")
		}

		h.use()
		read(t, h, p)
		pass(3)
		if !known() {
			t.Error("forgotten after it had been forgotten")
		}
		pass(1)
		if known() {
			t.Error("kept after it had been forgotten")
		}
	})
}
