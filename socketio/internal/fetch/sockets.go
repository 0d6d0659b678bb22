package fetch

import (
	"log/slog"
	"runtime"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// Sockets makes the RemoteSockets of one namespace. Its methods are safe for concurrent
// use.
type Sockets struct {
	nsp    socket.Namespace
	cache  *Cache
	logger *slog.Logger
}

// NewSockets makes the Sockets of a namespace. Several may share a cache.
func NewSockets(nsp socket.Namespace, cache *Cache, logger *slog.Logger) *Sockets {
	return &Sockets{nsp: nsp, cache: cache, logger: logger}
}

// Split splits descriptions into sockets of this server and of other servers.
func (f *Sockets) Split(sockets []core.Socket) (local []*socket.Socket, others []core.Socket) {
	for _, described := range sockets {
		if s, ok := f.nsp.Sockets().Load(socket.SocketId(described.ID)); ok {
			local = append(local, s)
		} else {
			others = append(others, described)
		}
	}
	return local, others
}

// Details makes a [*socket.RemoteSocket] of each local socket and of each description, in
// this order. The caller owns the result. The library would convert any other type itself,
// one socket after the other; Details uses several processors, and reuses what is kept of
// recently returned sockets. A panic, as of a wrapper that is asked for the rooms of a
// local socket, reaches the caller.
func (f *Sockets) Details(local []*socket.Socket, others ...[]core.Socket) []socket.SocketDetails {
	total := len(local)
	for _, list := range others {
		total += len(list)
	}
	all := make([]socket.SocketDetails, total)
	if total == 0 {
		return all
	}
	f.cache.prolong()
	workers := min(runtime.GOMAXPROCS(0), 1+total/perWorker)
	panics := make([]any, workers)
	var work sync.WaitGroup
	for i := range workers {
		share := func() {
			defer func() { panics[i] = recover() }()
			f.fillLocal(part(all[:len(local)], i, workers), part(local, i, workers))
			rest := all[len(local):]
			for _, list := range others {
				f.fillOthers(part(rest[:len(list)], i, workers), part(list, i, workers))
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
			panic(p)
		}
	}
	return all
}

// perWorker is the least number of sockets for which another goroutine is started.
const perWorker = 64

// part returns the i-th of n parts of a list.
func part[T any](list []T, i, n int) []T { return list[len(list)*i/n : len(list)*(i+1)/n] }

// fillLocal makes RemoteSockets of local sockets.
func (f *Sockets) fillLocal(all []socket.SocketDetails, sockets []*socket.Socket) {
	known := f.cache.find(len(sockets), func(i int) cacheKey { return cacheKey{f, sockets[i].Id()} })
	adapter := f.nsp.Proto().Adapter()
	var c copier
	for i, s := range sockets {
		kept := known[i]
		if kept == nil {
			kept = &cached{operator: operatorFor(adapter, s.Id())}
			f.cache.put(cacheKey{f, s.Id()}, kept)
		}
		d := details{s.Id(), c.handshake(s.Handshake()), types.NewSet(s.Rooms().Keys()...), ownData(s), kept.operator}
		all[i] = d.remoteSocket(adapter, f.cache.fitting)
	}
}

// fillOthers makes RemoteSockets from descriptions of other servers.
func (f *Sockets) fillOthers(all []socket.SocketDetails, sockets []core.Socket) {
	known := f.cache.find(len(sockets), func(i int) cacheKey { return cacheKey{f, socket.SocketId(sockets[i].ID)} })
	adapter := f.nsp.Proto().Adapter()
	var reader handshakeReader
	var c copier
	var rooms []socket.Room
	for i := range sockets {
		s, kept := &sockets[i], known[i]
		id := socket.SocketId(s.ID)
		if !kept.isOf(s.Handshake) {
			kept = f.read(s, kept.sender(adapter, id), &reader)
			f.cache.put(cacheKey{f, id}, kept)
		}
		rooms = rooms[:0]
		for _, room := range s.Rooms {
			rooms = append(rooms, socket.Room(room))
		}
		d := details{id, c.described(kept.handshake, s.Address), types.NewSet(rooms...), f.readData(s), kept.operator}
		all[i] = d.remoteSocket(adapter, f.cache.fitting)
	}
}

// read decodes the handshake of a description.
func (f *Sockets) read(s *core.Socket, sender *socket.BroadcastOperator, reader *handshakeReader) *cached {
	kept := &cached{operator: sender}
	var err error
	switch kept.handshake, err = reader.read(s.Handshake); {
	case err != nil:
		f.logger.Warn("handshake of a remote socket dropped", "socket", s.ID, "error", err)
	case len(s.Handshake.Text) <= maxCachedHandshake && len(s.Handshake.Attachments) == 0:
		kept.text = string(s.Handshake.Text)
	}
	return kept
}

func (f *Sockets) readData(s *core.Socket) any {
	data, err := decodeData(s.Data)
	if err != nil {
		f.logger.Warn("data of a remote socket dropped", "socket", s.ID, "error", err)
	}
	return data
}

// ownData returns a local socket's data; no data is {}, as for other servers.
func ownData(s *socket.Socket) any {
	if data := s.Data(); data != nil {
		return cloneValue(data, 0)
	}
	return map[string]any{}
}
