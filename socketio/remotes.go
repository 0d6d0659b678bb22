package socketio

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/generational"
)

// remotes remembers the sockets that were handed out lately: applications ask for
// the same ones again and again. It keeps thousands at most, of all namespaces, and
// none for long after the last question.
type remotes struct {
	fitting bool // see [details.remoteSocket]

	mu     sync.RWMutex
	known  generational.Cache[remoteKey, *remote]
	forget *time.Timer // nil before the first use
}

// remoteKey is a socket as the application of one namespace gets it.
type remoteKey struct {
	adapter *adapter
	id      socket.SocketId
}

const (
	maxRemotes  = 1 << 12 // at least so many are kept
	remotesLive = time.Minute
)

func newRemotes() *remotes {
	return &remotes{fitting: detailsFit(), known: generational.Cache[remoteKey, *remote]{Limit: maxRemotes}}
}

// find returns what is known of n sockets, nil of those that are not.
func (r *remotes) find(n int, key func(i int) remoteKey) []*remote {
	found := make([]*remote, n)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range found {
		found[i], _ = r.known.Get(key(i))
	}
	return found
}

func (r *remotes) put(key remoteKey, known *remote) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.Put(key, known)
}

// use keeps what is known for another while. It comes before what is put.
func (r *remotes) use() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forget == nil {
		r.forget = time.AfterFunc(remotesLive, r.clear)
		return
	}
	r.forget.Reset(remotesLive)
}

func (r *remotes) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.Clear()
}
