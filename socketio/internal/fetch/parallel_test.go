package fetch

import (
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

// TestDetailsOfMany makes more sockets than one goroutine is to make.
func TestDetailsOfMany(t *testing.T) {
	c := siotest.Connect(t)
	c.Join("r")
	a := NewSockets(c.Nsp(), NewCache(), slog.New(slog.DiscardHandler))
	local := []*socket.Socket{c.Socket, c.Socket, c.Socket}
	others := make([]core.Socket, 5*perWorker)
	for i := range others {
		id := fmt.Sprint("other", i)
		handshake, err := encodeHandshake(siotest.Browser(i), "")
		if err != nil {
			t.Fatal(err)
		}
		others[i] = core.Socket{ID: id, Rooms: []string{id, fmt.Sprint("room", i)}, Handshake: handshake, Data: core.Payload{Text: fmt.Appendf(nil, `{"n":%d}`, i)}}
	}
	others[7].Handshake.Text = []byte("{")
	others[8].Data.Text = []byte("{")

	all := a.Details(local, others)
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
	c := siotest.Connect(t)
	a := NewSockets(c.Nsp(), NewCache(), slog.New(slog.DiscardHandler))
	for _, broken := range []int{0, 2*perWorker - 1} {
		local := make([]*socket.Socket, 2*perWorker)
		for i := range local {
			local[i] = c.Socket
		}
		local[broken] = nil
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			a.Details(local, nil)
		}()
	}
}
