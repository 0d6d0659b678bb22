package socketio

import (
	"runtime"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// detailsOf makes what the library hands out of local sockets and of descriptions. All
// of it is the caller's own. The library would make it of anything else by itself, one
// after the other; here it is done on as many processors as it is worth, of what is
// known of those that were handed out lately.
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
	var c copier
	for i, s := range sockets {
		r := known[i]
		if r == nil {
			r = &remote{operator: r.sender(outer, s.Id())}
			a.remotes.put(remoteKey{a, s.Id()}, r)
		}
		d := details{s.Id(), c.handshake(s.Handshake()), types.NewSet(s.Rooms().Keys()...), ownValue(s.Data(), 0), r.operator}
		all[i] = d.remoteSocket(outer, a.remotes.fitting)
	}
}

// fill makes sockets of descriptions of other servers.
func (a *adapter) fill(all []socket.SocketDetails, sockets []core.Socket) {
	known := a.remotes.find(len(sockets), func(i int) remoteKey { return remoteKey{a, socket.SocketId(sockets[i].ID)} })
	outer := a.Nsp().Proto().Adapter()
	var reader handshakeReader
	var c copier
	var rooms []socket.Room
	for i := range sockets {
		s, r := &sockets[i], known[i]
		id := socket.SocketId(s.ID)
		if !r.has(s.Handshake) {
			r = a.remoteOf(s, r.sender(outer, id), &reader)
			a.remotes.put(remoteKey{a, id}, r)
		}
		rooms = rooms[:0]
		for _, room := range s.Rooms {
			rooms = append(rooms, socket.Room(room))
		}
		d := details{id, c.described(r.handshake, s.Address), types.NewSet(rooms...), a.readData(s), r.operator}
		all[i] = d.remoteSocket(outer, a.remotes.fitting)
	}
}

// remoteOf reads the handshake of a description.
func (a *adapter) remoteOf(s *core.Socket, sender *socket.BroadcastOperator, reader *handshakeReader) *remote {
	r := &remote{operator: sender}
	var err error
	switch r.handshake, err = reader.read(s.Handshake); {
	case err != nil:
		a.logger.Warn("handshake of a remote socket dropped", "socket", s.ID, "error", err)
	case len(s.Handshake.Text) <= maxHandshakeKept && len(s.Handshake.Attachments) == 0:
		r.text = string(s.Handshake.Text)
	}
	return r
}

func (a *adapter) readData(s *core.Socket) any {
	data, err := decodeData(s.Data)
	if err != nil {
		a.logger.Warn("data of a remote socket dropped", "socket", s.ID, "error", err)
	}
	return data
}
