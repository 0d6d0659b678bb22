package wstransport

import (
	"bytes"
	"slices"
	"strings"
)

// The library answers CONNECT before it has noted that the client is in the namespace; an
// event that comes at once finds the client in an "invalid state", and its connection is
// closed. So the answer stays in the queue until [Transport.Connected].

// joins notes the namespace that a client's message asks to join.
func (t *Transport) joins(payload []byte) {
	nsp, ok := namespaceOf(payload, '0')
	if !ok || !t.shared.Plain {
		return
	}
	if t.Protocol() == 3 {
		nsp, _, _ = strings.Cut(nsp, "?")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.joining, nsp) {
		t.joining = append(t.joining, nsp)
	}
}

// answers reports whether a message of the server answers a CONNECT that was received here,
// so that it can be held back. It is called with the lock held.
func (t *Transport) answers(payload []byte) (nsp string, ok bool) {
	if len(t.joining) == 0 {
		return "", false
	}
	if nsp, ok = namespaceOf(payload, '0'); !ok {
		if nsp, refused := namespaceOf(payload, '4'); refused {
			t.forget(nsp)
		}
		return "", false
	}
	return nsp, t.forget(nsp)
}

func (t *Transport) forget(nsp string) bool {
	i := slices.Index(t.joining, nsp)
	if i < 0 {
		return false
	}
	if t.joining = slices.Delete(t.joining, i, i+1); len(t.joining) == 0 {
		t.joining = nil
	}
	return true
}

// Connected releases the answer to CONNECT, and everything that waits behind it.
func (t *Transport) Connected(nsp string) { t.queue.Release(nsp) }

// namespaceOf returns the namespace of a Socket.IO packet of this type in an Engine.IO
// message: "40", "40{…}" or "40/nsp,{…}".
func namespaceOf(payload []byte, kind byte) (nsp string, ok bool) {
	if len(payload) < 2 || payload[0] != '4' || payload[1] != kind {
		return "", false
	}
	rest := payload[2:]
	if !bytes.HasPrefix(rest, []byte("/")) {
		return "/", true
	}
	name, _, _ := bytes.Cut(rest, []byte(","))
	return string(name), true
}
