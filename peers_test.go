package mesh_test

import (
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// peers is an observer that lets a test wait.
type peers struct {
	core.NopObserver
	up      chan string
	refused chan error
}

func newPeers() *peers {
	return &peers{up: make(chan string, 16), refused: make(chan error, 16)}
}

func (p *peers) PeerUp(info core.PeerInfo)   { put(p.up, info.ID) }
func (p *peers) Refused(_ string, why error) { put(p.refused, why) }

func put[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

func (p *peers) waitFor(t *testing.T, id string) {
	t.Helper()
	for {
		if got := take(t, p.up); got == id {
			return
		}
	}
}

func (p *peers) waitForRefusal(t *testing.T) {
	t.Helper()
	take(t, p.refused)
}

func take[T any](t *testing.T, c chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing happened for 10 s")
		panic("unreachable")
	}
}
