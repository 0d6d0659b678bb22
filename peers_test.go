package mesh_test

import (
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// peers is an observer that lets a test wait.
type peers struct {
	core.NopObserver
	up      chan string
	down    chan string
	refused chan error
}

func newPeers() *peers {
	return &peers{up: make(chan string, 16), down: make(chan string, 16), refused: make(chan error, 16)}
}

func (p *peers) PeerUp(info core.PeerInfo)            { put(p.up, info.ID) }
func (p *peers) PeerDown(info core.PeerInfo, _ error) { put(p.down, info.ID) }
func (p *peers) Refused(_ string, why error)          { put(p.refused, why) }

func put[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

func (p *peers) waitFor(t *testing.T, id string) {
	t.Helper()
	for {
		if got := await.Value(t, p.up); got == id {
			return
		}
	}
}

func (p *peers) waitForRefusal(t *testing.T) {
	t.Helper()
	await.Value(t, p.refused)
}
