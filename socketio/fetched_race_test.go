package socketio

import (
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestFetchedAreTheCallersOwn: callers at the same time may change all that they get of
// local and remote sockets. The race detector looks on.
func TestFetchedAreTheCallersOwn(t *testing.T) { onEachMesh(t, 2, fetchedAreTheCallersOwn) }

func fetchedAreTheCallersOwn(t *testing.T, s []*server) {
	_, local := s[0].client("/", "r")
	_, remote := s[1].client("/", "r")
	for _, sock := range []*socket.Socket{local, remote} {
		sock.SetData(map[string]any{"tags": []any{"a"}, "names": []string{"b"}})
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 20 {
				for _, found := range fetch(t, s[0].In("r")) {
					if !found.Rooms().Has("r") || found.Handshake().Url == "" || found.Data().(map[string]any)["tags"].([]any)[0] != "a" {
						t.Errorf("%s: %+v, %v", found.Id(), found.Handshake(), found.Data())
					}
					spoil(found.Handshake())
					found.Rooms().Clear()
					spoilValue(found.Data())
				}
			}
		})
	}
	callers.Wait()
	if local.Data().(map[string]any)["tags"].([]any)[0] != "a" || len(local.Handshake().Headers) == 0 || !local.Rooms().Has("r") {
		t.Error("the socket itself has changed")
	}
}
