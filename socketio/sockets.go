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
// after the other; here it is done on as many processors as it is worth, and not
// again for sockets that were handed out lately.
func (a *adapter) detailsOf(local []*socket.Socket, others ...[]core.Socket) []socket.SocketDetails {
	total := len(local)
	for _, list := range others {
		total += len(list)
	}
	all := make([]socket.SocketDetails, total)
	if total == 0 {
		return all
	}
	a.remotes.use()
	workers := min(runtime.GOMAXPROCS(0), 1+total/worthwhile)
	panics := make([]any, workers) // of overrides, which the library asks for rooms
	var work sync.WaitGroup
	for i := range workers {
		share := func() {
			defer func() { panics[i] = recover() }()
			a.fillLocal(part(all[:len(local)], i, workers), part(local, i, workers))
			rest := all[len(local):]
			for _, list := range others {
				a.fill(part(rest[:len(list)], i, workers), part(list, i, workers))
				rest = rest[len(list):]
			}
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

// ours takes the local sockets out of a list of descriptions.
func (a *adapter) ours(sockets []core.Socket) (local []*socket.Socket, others []core.Socket) {
	for _, described := range sockets {
		if s, ok := a.Nsp().Sockets().Load(socket.SocketId(described.ID)); ok {
			local = append(local, s)
		} else {
			others = append(others, described)
		}
	}
	return local, others
}

func (a *adapter) fillLocal(all []socket.SocketDetails, sockets []*socket.Socket) {
	known := a.remotes.find(len(sockets), func(i int) remoteKey { return remoteKey{a, sockets[i].Id()} })
	outer := a.Nsp().Proto().Adapter()
	for i, s := range sockets {
		if known[i].shows(s) {
			all[i] = known[i].shared
			continue
		}
		made := socket.NewRemoteSocket(outer, s)
		all[i] = made
		a.remotes.put(remoteKey{a, s.Id()}, remoteOfLocal(made))
	}
}

// fill makes sockets of descriptions of other servers.
func (a *adapter) fill(all []socket.SocketDetails, sockets []core.Socket) {
	known := a.remotes.find(len(sockets), func(i int) remoteKey { return remoteKey{a, socket.SocketId(sockets[i].ID)} })
	outer := a.Nsp().Proto().Adapter()
	d := details{adapter: a, rooms: types.NewSet[socket.Room]()}
	for i := range sockets {
		s := &sockets[i]
		if known[i].says(s) {
			all[i] = known[i].shared
			continue
		}
		whole := d.read(s, known[i])
		made := socket.NewRemoteSocket(outer, &d)
		all[i] = made
		if whole {
			a.remotes.put(remoteKey{a, d.id}, remoteOf(s, made))
		}
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

// read reads a description, of a socket of which this may be known. It reports
// whether all of it could be read.
func (d *details) read(s *core.Socket, known *remote) bool {
	var unread, undecoded error
	if known.has(s.Handshake) {
		d.handshake = known.handshake
	} else if d.handshake, unread = d.reader.read(s.Handshake); unread != nil {
		d.adapter.logger.Warn("handshake of a remote socket dropped", "socket", s.ID, "error", unread)
	}
	if d.data, undecoded = decodeData(s.Data); undecoded != nil {
		d.adapter.logger.Warn("data of a remote socket dropped", "socket", s.ID, "error", undecoded)
	}
	d.id = socket.SocketId(s.ID)
	d.rooms.Clear()
	for _, room := range s.Rooms {
		d.rooms.Add(socket.Room(room))
	}
	return unread == nil && undecoded == nil
}
