package fetch

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/generational"
)

// Cache remembers the sockets that were handed out lately: applications ask for the
// same ones again and again. It keeps thousands at most, of all namespaces, each for a
// minute or two, and nothing when nobody has asked for a minute. All methods may be called
// at once.
type Cache struct {
	fitting bool // see [details.remoteSocket]

	mu     sync.RWMutex
	known  generational.Cache[cacheKey, *cached]
	aged   time.Time   // when the generation of known began
	expiry *time.Timer // nil before the first use
}

// cacheKey is a socket as the application of one namespace gets it.
type cacheKey struct {
	namespace *Sockets
	id        socket.SocketId
}

// cached is what is kept of a socket: its operator, and its handshake if it is another
// server's. It does not change, and callers get copies of the handshake. nil is a socket
// of which nothing is kept.
type cached struct {
	operator  *socket.BroadcastOperator
	handshake *description // nil for a local socket
	text      string       // that the handshake was read from; "" if it is to be read each time
}

const (
	maxCached          = 1 << 12 // at least so many sockets are kept
	maxCachedHandshake = 1 << 12 // bytes: longer handshakes are read each time
	cacheLifetime      = time.Minute
)

// NewCache makes an empty cache.
func NewCache() *Cache {
	return &Cache{fitting: detailsFit(), known: generational.Cache[cacheKey, *cached]{Limit: maxCached}}
}

// FitsLibrary tells whether the library's RemoteSocket has the fields that it is known
// to have. If not, sockets are made with its constructor, which allocates more.
func (c *Cache) FitsLibrary() bool { return c.fitting }

// UseLibraryConstructor has sockets made as if FitsLibrary reported false. It is called
// before the cache is used.
func (c *Cache) UseLibraryConstructor() { c.fitting = false }

// find returns what is kept of n sockets.
func (c *Cache) find(n int, key func(i int) cacheKey) []*cached {
	found := make([]*cached, n)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range found {
		found[i], _ = c.known.Get(key(i))
	}
	return found
}

func (c *Cache) put(key cacheKey, s *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Put(key, s)
}

// prolong keeps what is new for another minute. It comes before what is put. What is older
// than a minute is read anew: nobody tells when another server's sockets have gone, and
// as long as somebody asks, thousands of them would stay.
func (c *Cache) prolong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.aged) >= cacheLifetime {
		c.known.Age()
		c.aged = now
	}
	if c.expiry == nil {
		c.expiry = time.AfterFunc(cacheLifetime, c.Clear)
		return
	}
	c.expiry.Reset(cacheLifetime)
}

// Clear forgets everything.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Clear()
}

// isOf tells whether this is what is kept of a handshake.
func (c *cached) isOf(handshake core.Payload) bool {
	return c != nil && c.text != "" && c.text == string(handshake.Text) && len(handshake.Attachments) == 0
}

// sender is the socket's operator, a new one if none is kept.
func (c *cached) sender(adapter socket.Adapter, id socket.SocketId) *socket.BroadcastOperator {
	if c != nil {
		return c.operator
	}
	return operatorFor(adapter, id)
}
