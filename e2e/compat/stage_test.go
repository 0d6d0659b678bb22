package compat

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core/coretest"
)

// stage is what a scenario works with: a server on one of the paths.
type stage struct {
	*trial
	path path

	io  *socket.Server
	web *httptest.Server
	url string
	tls bool

	heard  sync.Map // ids of the engine's connections that the server listens to
	vague  []vagueness
	own    bool           // this path's transcript is one of its own
	warns  string         // each line of the mesh's log has this; "": there is none
	work   sync.WaitGroup // of background
	mu     sync.Mutex
	actors []actor
}

// actor writes a part of the transcript.
type actor interface{ transcript() string }

// run runs a scenario on every path, and compares the transcripts with the one
// that is on record.
//
// With the host alone it may take several attempts, for now and then something goes
// astray: what a client sends right behind its connecting, or the server right before
// it hangs up; a poll that comes right behind the answer to the last one, which the
// host forgets when it tidies up after that; and a server's closing, which it forgets
// while it upgrades the client. The mesh has one attempt.
func run(t *testing.T, scenario func(s *stage)) {
	t.Helper()
	name := t.Name()
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			for left := attempts; ; left-- {
				failures := try(t, func(tr *trial) {
					s := &stage{trial: tr, path: p}
					s.Cleanup(s.work.Wait)
					scenario(s)
					if !s.Failed() {
						s.compare(name)
					}
				})
				if len(failures) == 0 {
					return
				}
				if p.exact || left == 1 {
					t.Fatal(strings.Join(failures, "\n"))
				}
				t.Logf("%s goes astray, which it may: %s", p.name, failures[0])
			}
		})
	}
}

// runExact runs a scenario that judges for itself on the paths on which nothing goes
// astray.
func runExact(t *testing.T, scenario func(s *stage)) {
	t.Helper()
	for _, p := range paths {
		if !p.exact {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			failures := try(t, func(tr *trial) {
				s := &stage{trial: tr, path: p}
				s.Cleanup(s.work.Wait)
				scenario(s)
			})
			if len(failures) > 0 {
				t.Fatal(strings.Join(failures, "\n"))
			}
		})
	}
}

// runVariants runs a scenario for every variant of clients, several at once.
func runVariants(t *testing.T, scenario func(s *stage, v variant)) {
	t.Helper()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			run(t, func(s *stage) { scenario(s, v) })
		})
	}
}

// serve starts the server. Clients of version 2 are let in, unless configure says
// otherwise.
func (s *stage) serve(configure func(o *socket.ServerOptions)) {
	s.Helper()
	s.prepare(configure)
	s.web = httptest.NewServer(s.handler())
	s.url = s.web.URL
	s.open()
}

// serveTLS does the same over TLS.
func (s *stage) serveTLS(configure func(o *socket.ServerOptions)) {
	s.Helper()
	s.prepare(configure)
	s.web = httptest.NewTLSServer(s.handler())
	s.url, s.tls = s.web.URL, true
	s.open()
}

// open has a client come and go, if that belongs to the path.
func (s *stage) open() {
	s.Helper()
	if !s.path.opened {
		return
	}
	r := s.raw("first").quietly()
	s.actors = nil
	r.sid = ""
	if s.engine().Transports().Has("polling") {
		r.get("EIO=4&transport=polling")
		r.post("EIO=4&transport=polling&sid="+r.sid, "1")
	} else {
		w := r.dial("EIO=4&transport=websocket")
		w.read()
		w.conn.Close()
	}
	for deadline := time.Now().Add(patience); s.engine().ClientsCount() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("the first client does not leave")
		}
	}
}

// prepare makes the Socket.IO server, without a port yet.
func (s *stage) prepare(configure func(o *socket.ServerOptions)) {
	s.Helper()
	var log coretest.Log
	o := socket.DefaultServerOptions()
	o.SetAllowEIO3(true)
	if configure != nil {
		configure(o)
	}
	s.path.prepare(s.trial, o, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	s.io = socket.NewServer(nil, o)
	s.Cleanup(func() {
		s.io.Close(nil)
		if s.web != nil {
			s.web.CloseClientConnections()
			s.web.Close()
		}
		for line := range strings.Lines(log.String()) {
			if s.warns == "" || !strings.Contains(line, s.warns) {
				s.Errorf("the mesh complains: %s", line)
			}
		}
	})
}

// handler makes the engine, and notes whom the server listens to.
func (s *stage) handler() http.Handler {
	h := s.io.ServeHandler(nil)
	_ = s.engine().On("connection", func(values ...any) { s.heard.Store(values[0].(engine.Socket).Id(), true) })
	return h
}

// awaitHeard waits until the server listens to an engine's connection. The host
// alone may miss what a client sends before.
func (s *stage) awaitHeard(sid string) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, heard := s.heard.Load(sid); heard {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("the server does not listen to %q", sid)
		}
	}
}

// engine is the server's engine.
func (s *stage) engine() engine.Server { return s.io.Engine().(engine.Server) }

// welcome listens to the connections of a namespace. The server's side of each one
// writes its own part of the transcript. The client is greeted when listen has
// attached what it wants.
func (s *stage) welcome(nsp string, listen func(c *socket.Socket, n *notes)) {
	s.Helper()
	_ = s.io.Of(nsp, nil).On("connection", func(values ...any) {
		c := values[0].(*socket.Socket)
		n := s.notes("server of " + nameOf(c) + suffixOf(nsp))
		_ = c.On("disconnect", func(values ...any) { n.add("disconnect %v", values[0]) })
		if listen != nil {
			listen(c, n)
		}
		c.Emit("ready")
	})
}

// nameOf is the name under which the test knows a client.
func nameOf(c *socket.Socket) string {
	return c.Request().Query().Peek("as")
}

func suffixOf(nsp string) string {
	if nsp == "/" {
		return ""
	}
	return " in " + nsp
}

// background runs f beside the scenario, which is over when f has returned.
func (s *stage) background(f func()) { s.work.Go(f) }

// transcript is what everybody has written down, in the order in which they
// entered; those of the server come last.
func (s *stage) transcript() string {
	s.Helper()
	s.mu.Lock()
	actors := s.actors
	s.mu.Unlock()
	var clients, servers strings.Builder
	for _, a := range actors {
		if _, ok := a.(*notes); ok {
			servers.WriteString(a.transcript())
		} else {
			clients.WriteString(a.transcript())
		}
	}
	text := normal(clients.String() + servers.String())
	text = strings.ReplaceAll(text, s.path.goodbye[0], "ended: by the server")
	text = strings.ReplaceAll(text, s.path.goodbye[1], "transport close by the server")
	for _, v := range s.vague {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

// vagueness is something that transcripts do not say exactly.
type vagueness struct {
	pattern *regexp.Regexp
	with    string
}

// ownRecord says that the paths differ in what happens, which the scenario has to
// explain. Each has a transcript of its own.
func (s *stage) ownRecord() { s.own = true }

// either takes what matches a pattern for something else, because it is a matter
// of time which of them happens.
func (s *stage) either(pattern, with string) {
	s.vague = append(s.vague, vagueness{regexp.MustCompile("(?m)" + pattern), with})
}

// forgive does so where the host has a fault that the path does not mend (see
// path.exact).
func (s *stage) forgive(pattern, with string) {
	if !s.path.exact {
		s.either(pattern, with)
	}
}

// notes are what one place of the server writes down.
type notes struct {
	title string
	exact bool // see path.exact

	mu      sync.Mutex
	lines   []string
	left    bool          // the client has gone by itself
	changed chan struct{} // closed and replaced when there is a new line
}

// notes opens a new part of the transcript.
func (s *stage) notes(title string) *notes {
	n := &notes{title: title, exact: s.path.exact, changed: make(chan struct{})}
	s.enter(n)
	return n
}

// enter adds somebody who writes a part of the transcript.
func (s *stage) enter(a actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors = append(s.actors, a)
}

func (n *notes) add(format string, values ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, values...))
	close(n.changed)
	n.changed = make(chan struct{})
}

// await waits until a line begins so, and returns it.
func (n *notes) await(s *stage, prefix string) string {
	s.Helper()
	return n.awaitCount(s, prefix, 1)
}

// awaitCount waits until so many lines begin so, and returns the last one.
func (n *notes) awaitCount(s *stage, prefix string, count int) string {
	s.Helper()
	deadline := time.After(patience)
	for {
		n.mu.Lock()
		changed, seen := n.changed, 0
		for _, line := range n.lines {
			if !strings.HasPrefix(line, prefix) {
				continue
			}
			if seen++; seen == count {
				n.mu.Unlock()
				return line
			}
		}
		n.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			s.Fatalf("%q has not been noted %d times:\n%s", prefix, count, n.transcript())
		}
	}
}

// has tells whether a line begins so.
func (n *notes) has(prefix string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.lines, func(line string) bool { return strings.HasPrefix(line, prefix) })
}

func (n *notes) transcript() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	b.WriteString("= " + n.title + "\n")
	told := map[string]bool{}
	for _, line := range n.lines {
		event, reason, _ := strings.Cut(line, " ")
		if !n.exact && (event == "disconnecting" || event == "disconnect") {
			if told[event] {
				continue // two goroutines of the library may both tell the listeners
			}
			if told[event] = true; event == "disconnect" && n.left && reason == "transport close" {
				line = "disconnect client namespace disconnect"
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// leaves says that this client goes by itself. With the host alone, which of its last
// two signs reaches the server's listener first, its packet or the end of the
// connection, is open: the library handles them on different goroutines.
func (n *notes) leaves() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left = true
}

// notesOf waits until a part of the transcript has been opened, and returns it.
func (s *stage) notesOf(title string) *notes {
	s.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.actors, func(a actor) bool {
			n, ok := a.(*notes)
			return ok && n.title == title
		})
		if i >= 0 {
			defer s.mu.Unlock()
			return s.actors[i].(*notes)
		}
		s.mu.Unlock()
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			s.Fatalf("%q has not been heard of", title)
		}
	}
}
