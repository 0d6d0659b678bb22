package socketio

import (
	"runtime"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// detailsOf makes what the library wants of local sockets and of descriptions: the
// socket itself where it is a local one, with its live data, else a
// [*socket.RemoteSocket]. It uses as many processors as the work is worth.
func (a *adapter) detailsOf(local []*socket.Socket, sockets []core.Socket) []socket.SocketDetails {
	details := make([]socket.SocketDetails, len(local)+len(sockets))
	for i, s := range local {
		details[i] = s
	}
	all := details[len(local):]
	workers := min(runtime.GOMAXPROCS(0), 1+len(sockets)/worthwhile)
	var work sync.WaitGroup
	for i := 1; i < workers; i++ {
		from, to := len(sockets)*i/workers, len(sockets)*(i+1)/workers
		work.Go(func() { a.fill(all[from:to], sockets[from:to]) })
	}
	share := len(sockets) / workers
	a.fill(all[:share], sockets[:share])
	work.Wait()
	return details
}

// worthwhile is how many sockets are worth a goroutine.
const worthwhile = 64

func (a *adapter) fill(all []socket.SocketDetails, sockets []core.Socket) {
	d := details{adapter: a, rooms: types.NewSet[socket.Room]()}
	for i := range sockets {
		if s, ok := a.Nsp().Sockets().Load(socket.SocketId(sockets[i].ID)); ok {
			all[i] = s
			continue
		}
		d.read(&sockets[i])
		all[i] = socket.NewRemoteSocket(a, &d)
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
	if d.handshake, err = d.reader.read(s.Handshake); err != nil {
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
