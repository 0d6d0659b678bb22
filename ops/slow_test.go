package ops_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// pipes is a listener whose connections hold nothing: what is written waits for a reader.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowReaders: a client that takes a byte a second is cut after half a minute, whatever
// it has asked for, and what was held for it is free again.
func TestSlowReaders(t *testing.T) {
	const most = 16 // at once
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("up 1\n", 10_000)) })
	for _, target := range []string{"/api/v1/rooms?limit=1000", "/api/v1/sockets?limit=1000", "/api/v1/node", "/api/v1/cluster", "/metrics", "/debug/pprof/goroutine?debug=1", "/debug/pprof/", "/nothing"} {
		synctest.Test(t, func(t *testing.T) {
			f := fakes(t, ops.Options{Pprof: true, Metrics: metrics, Settings: map[string]string{"Peers": strings.Repeat("ws://peer ", 1000)}}, "a")["a"]
			s := &space{rooms: map[string]int{}, sockets: map[string][]string{}}
			for i := range 1000 {
				s.rooms[fmt.Sprint("room", i)], s.sockets[fmt.Sprint("socket", i)] = 1, nil
			}
			f.open(s, nil)
			listener := pipes{make(chan net.Conn), make(chan struct{})}
			server := &http.Server{Handler: f.handler}
			go server.Serve(listener)
			defer server.Close()
			ended := make(chan time.Duration, most)
			for range most {
				ours, theirs := net.Pipe()
				listener.conns <- theirs
				go func() {
					defer ours.Close()
					began := time.Now()
					fmt.Fprintf(ours, "GET %s HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n", target)
					var one [1]byte
					for {
						if _, err := ours.Read(one[:]); err != nil {
							break
						}
						time.Sleep(time.Second)
					}
					ended <- time.Since(began)
				}()
			}
			for range most {
				if took := <-ended; took > 32*time.Second {
					t.Errorf("%s: a slow reader was served for %v", target, took)
				}
			}
			if w := call(t, f.handler, "GET", "/api/v1/node", "", nil); w.Code != http.StatusOK {
				t.Errorf("after slow readers of %s: %d", target, w.Code)
			}
		})
	}
}
