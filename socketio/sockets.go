package socketio

import (
	"runtime"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// detailsOf makes what the library hands out of local sockets, with their live data,
// and of descriptions. The library would make it of anything else by itself, one
// after the other; here it is done on as many processors as it is worth.
func (a *adapter) detailsOf(local []*socket.Socket, others []core.Socket) []socket.SocketDetails {
	all := make([]socket.SocketDetails, len(local)+len(others))
	workers := min(runtime.GOMAXPROCS(0), 1+len(all)/worthwhile)
	panics := make([]any, workers) // of overrides, which the library asks for rooms
	var work sync.WaitGroup
	for i := range workers {
		share := func() {
			defer func() { panics[i] = recover() }()
			a.fillLocal(part(all[:len(local)], i, workers), part(local, i, workers))
			a.fill(part(all[len(local):], i, workers), part(others, i, workers))
		}
		if i == workers-1 {
			share()
		} else {
			work.Go(share)
		}
	}
	work.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p) // where it is caught
		}
	}
	return all
}

// worthwhile is how many sockets are worth a goroutine.
const worthwhile = 64

// part is the i-th of n parts of a list.
func part[T any](list []T, i, n int) []T { return list[len(list)*i/n : len(list)*(i+1)/n] }

func (a *adapter) fillLocal(all []socket.SocketDetails, sockets []*socket.Socket) {
	outer := a.Nsp().Proto().Adapter()
	for i, s := range sockets {
		all[i] = socket.NewRemoteSocket(outer, s)
	}
}

// fill makes sockets of descriptions, among which there may be local ones.
func (a *adapter) fill(all []socket.SocketDetails, sockets []core.Socket) {
	outer := a.Nsp().Proto().Adapter()
	if len(sockets) > 0 {
		a.handshakes.use()
	}
	d := details{adapter: a, rooms: types.NewSet[socket.Room]()}
	for i := range sockets {
		if s, ok := a.Nsp().Sockets().Load(socket.SocketId(sockets[i].ID)); ok {
			all[i] = socket.NewRemoteSocket(outer, s)
			continue
		}
		d.read(&sockets[i])
		all[i] = socket.NewRemoteSocket(outer, &d)
	}
}

// details is a socket of another server, as long as the library takes it over, and
// then the next.
type details struct {
	adapter *adapter
	reader  handshakeReader

	id        socket.SocketId
	handshake *socket.Handshake
	rooms     *types.Set[socket.Room]
	data      any
}

var _ socket.SocketDetails = (*details)(nil)

func (d *details) Id() socket.SocketId            { return d.id }
func (d *details) Handshake() *socket.Handshake   { return d.handshake }
func (d *details) Rooms() *types.Set[socket.Room] { return d.rooms }
func (d *details) Data() any                      { return d.data }

func (d *details) read(s *core.Socket) {
	var err error
	if d.handshake, err = d.adapter.handshakes.of(s.Handshake, &d.reader); err != nil {
		d.adapter.logger.Warn("handshake of a remote socket dropped", "socket", s.ID, "error", err)
	}
	if d.data, err = decodeData(s.Data); err != nil {
		d.adapter.logger.Warn("data of a remote socket dropped", "socket", s.ID, "error", err)
	}
	d.id = socket.SocketId(s.ID)
	d.rooms.Clear()
	for _, room := range s.Rooms {
		d.rooms.Add(socket.Room(room))
	}
}
