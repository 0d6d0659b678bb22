package socketio

import (
	"bytes"
	"runtime/pprof"
	"testing"

	"github.com/socketmesh/mesh/internal/await"
)

// TestIdleTakesNoGoroutine: nobody waits for what an idle client says.
func TestIdleTakesNoGoroutine(t *testing.T) {
	s := serve(t, lonely{})
	for range 10 {
		c, sock := s.client("/")
		said := make(chan struct{}, 1)
		_ = sock.On("e", func(...any) { said <- struct{}{} })
		c.send(`2["e"]`)
		await.Value(t, said)
	}
	await.Condition(t, "all idle", func() bool {
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		return !bytes.Contains(stacks.Bytes(), []byte("wstransport.(*Transport).read"))
	})
}
