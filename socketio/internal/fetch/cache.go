package fetch

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/generational"
)

// Cache remembers the sockets that were handed out recently: applications ask for the same
// ones again and again. It keeps some thousands at most, of all namespaces, each for a
// minute or two, and is empty a minute after the last request. All methods are safe for
// concurrent use.
type Cache struct {
	fitting bool // see [details.remoteSocket]

	mu     sync.RWMutex
	known  generational.Cache[cacheKey, *cached]
	aged   time.Time   // when known began its current generation
	expiry *time.Timer // nil before the first use
}

// cacheKey identifies a socket in a namespace.
type cacheKey struct {
	namespace *Sockets
	id        socket.SocketId
}

// cached is what is kept of a socket: its operator, and its handshake if it belongs to
// another server. It is not changed, and callers get copies of the handshake. nil means
// that nothing is kept of the socket.
type cached struct {
	operator  *socket.BroadcastOperator
	handshake *description // nil for a local socket
	text      string       // the text from which the handshake was read; "" if it must be read each time
}

const (
	maxCached          = 1 << 12 // the number of sockets that are kept at least
	maxCachedHandshake = 1 << 12 // in bytes; longer handshakes are read each time
	cacheLifetime      = time.Minute
)

// NewCache makes an empty cache.
func NewCache() *Cache {
	return &Cache{fitting: detailsFit(), known: generational.Cache[cacheKey, *cached]{Limit: maxCached}}
}

// FitsLibrary reports whether the library's RemoteSocket has the fields that this package
// expects. If not, sockets are made with the library's constructor, which allocates more.
func (c *Cache) FitsLibrary() bool { return c.fitting }

// UseLibraryConstructor makes the cache behave as if FitsLibrary returned false. It is
// called before the cache is used.
func (c *Cache) UseLibraryConstructor() { c.fitting = false }

// find returns what is kept of n sockets, nil for each that is not known.
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

// prolong keeps the newer generation for another minute. It is called before a put. What is
// older than a minute is read again: the cache does not learn when another server's sockets
// have left, and thousands of them would stay as long as there are requests.
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

// isOf reports whether c was made from this handshake.
func (c *cached) isOf(handshake core.Payload) bool {
	return c != nil && c.text != "" && c.text == string(handshake.Text) && len(handshake.Attachments) == 0
}

// sender returns the socket's operator, and makes it if none is kept.
func (c *cached) sender(adapter socket.Adapter, id socket.SocketId) *socket.BroadcastOperator {
	if c != nil {
		return c.operator
	}
	return operatorFor(adapter, id)
}
