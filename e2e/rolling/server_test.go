package rolling

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/socketio"
)

// namespaces are those that every server has.
var namespaces = []string{"/", "/chat"}

// pace is how often a server emits in each namespace, and lastWords what it emits
// at once before it is shut down, so that much is under way.
const (
	pace      = 5 * time.Millisecond
	lastWords = 200
)

// server is one life of a Socket.IO server in the mesh, with a client.
type server struct {
	*coretest.RecordingObserver
	release release
	node    *node.Node
	id      string
	io      *socket.Server
	web     *http.Server
	client  *client
	log     coretest.Log

	begun   map[string]*atomic.Int64 // by namespace: the number of the last event
	emitted map[string]*atomic.Int64 // and of the last one whose Emit has returned
	rush    chan struct{}            // closed to have the last words said
	rushed  sync.WaitGroup           // until they are
	quiet   chan struct{}            // closed to end the emitting
	hushed  bool
	emits   sync.WaitGroup
	serves  sync.WaitGroup
	said    map[string]int64 // what had been emitted when shutdown was asked for

	mu   sync.Mutex
	from map[string]map[string]int64 // by peer and namespace: what it need not have got
}

// PeerUp notes that the peer gets what is emitted from now on.
func (s *server) PeerUp(p core.PeerInfo) {
	s.RecordingObserver.PeerUp(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from[p.ID] = count(s.begun)
}

// since is the last event that a server need not have got of this one; none of
// those before, or all, if there never was a link.
func (s *server) since(other *server, namespace string) (number int64, linked bool) {
	if s == other {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, linked := s.from[other.id]
	return from[namespace], linked
}

// next is the first event that another server has to get of this one.
func (s *server) next(other *server) map[string]int64 {
	next := map[string]int64{}
	for _, namespace := range namespaces {
		from, _ := s.since(other, namespace)
		next[namespace] = from + 1
	}
	return next
}

func count(numbers map[string]*atomic.Int64) map[string]int64 {
	counts := map[string]int64{}
	for namespace, n := range numbers {
		counts[namespace] = n.Load()
	}
	return counts
}

// start runs a server, and lets it emit until it is told to stop.
func start(t *testing.T, r release, cfg core.Config) *server {
	t.Helper()
	s := &server{
		RecordingObserver: &coretest.RecordingObserver{},
		release:           r,
		begun:             map[string]*atomic.Int64{},
		emitted:           map[string]*atomic.Int64{},
		rush:              make(chan struct{}),
		quiet:             make(chan struct{}),
		from:              map[string]map[string]int64{},
	}
	for _, namespace := range namespaces {
		s.begun[namespace], s.emitted[namespace] = &atomic.Int64{}, &atomic.Int64{}
	}
	cfg.Codecs = r.codecs
	cfg.Observer, cfg.Logger = s, s.log.Logger()
	var err error
	if s.node, err = node.New(cfg, cluster.New); err != nil {
		t.Fatal(err)
	}
	s.node.Speak(r.dialect)
	s.id = s.node.ID()
	s.listen(t)
	if err := s.node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range namespaces {
		s.emits.Go(func() { s.emit(namespace) })
	}
	return s
}

// listen lets clients in, one of which is ours.
func (s *server) listen(t *testing.T) {
	t.Helper()
	options := socket.DefaultServerOptions()
	options.SetAdapter(socketio.New(s.node))
	s.io = socket.NewServer(nil, options)
	for _, namespace := range namespaces {
		s.io.Of(namespace, nil)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.web = &http.Server{Handler: s.io.ServeHandler(nil)}
	s.serves.Go(func() { s.web.Serve(listener) })
	s.client = connect(t, listener.Addr().String())
}

// emit emits in a namespace until it is told to be quiet.
func (s *server) emit(namespace string) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	rush := s.rush
	for {
		s.say(namespace)
		select {
		case <-ticker.C:
		case <-rush:
			for range lastWords {
				s.say(namespace)
			}
			s.rushed.Done()
			rush = nil
		case <-s.quiet:
			return
		}
	}
}

func (s *server) say(namespace string) {
	n := s.begun[namespace].Add(1)
	s.io.Of(namespace, nil).Emit("n", s.id, n, "")
	s.emitted[namespace].Store(n)
}

// stop shuts the server down while it emits, with much under way.
func (s *server) stop() error {
	if !s.hushed {
		s.rushed.Add(len(namespaces))
		close(s.rush)
		s.rushed.Wait()
	}
	s.said = count(s.emitted)
	s.io.Close(nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.node.Shutdown(ctx)
	s.hush()
	s.client.close()
	err = errors.Join(err, s.web.Close())
	s.serves.Wait()
	return err
}

// hush ends the emitting.
func (s *server) hush() {
	if !s.hushed {
		s.hushed = true
		close(s.quiet)
		s.emits.Wait()
	}
}
