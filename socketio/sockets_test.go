package socketio

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// TestDetailsOfMany makes more sockets than one goroutine is to make.
func TestDetailsOfMany(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	var local []*socket.Socket
	for range 3 {
		_, sock := s.client("/", "r")
		local = append(local, sock)
	}
	others := make([]core.Socket, 5*worthwhile)
	for i := range others {
		id := fmt.Sprint("other", i)
		handshake, err := encodeHandshake(browser(i), "")
		if err != nil {
			t.Fatal(err)
		}
		others[i] = core.Socket{ID: id, Rooms: []string{id, fmt.Sprint("room", i)}, Handshake: handshake, Data: core.Payload{Text: fmt.Appendf(nil, `{"n":%d}`, i)}}
	}
	others[7].Handshake.Text = []byte("{")
	others[8].Data.Text = []byte("{")

	all := a.detailsOf(local, others)
	if len(all) != len(local)+len(others) {
		t.Fatalf("%d sockets", len(all))
	}
	for i, sock := range local {
		if all[i].Id() != sock.Id() || !reflect.DeepEqual(all[i].Handshake(), shown(sock)) || !all[i].Rooms().Has("r") || all[i].Rooms().Len() != 2 {
			t.Errorf("local socket %d is not itself: %+v", i, all[i])
		}
	}
	for i := range others {
		isWhat(t, all[len(local)+i], others[i])
	}
}

// TestDetailsPanic: what panics on another goroutine panics on the caller's, which
// is ready for it.
func TestDetailsPanic(t *testing.T) {
	s := serve(t, lonely{})
	a := s.Sockets().Adapter().(*adapter)
	for _, broken := range []int{0, 2*worthwhile - 1} {
		local := make([]*socket.Socket, 2*worthwhile)
		_, sock := s.client("/")
		for i := range local {
			local[i] = sock
		}
		local[broken] = nil
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			a.detailsOf(local, nil)
		}()
	}
}
