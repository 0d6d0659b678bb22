package adminui

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// BenchmarkFanout is what an emit to 200 clients costs, clients included: on a server
// without the admin UI, on one to which no page is connected, and on ones that a page
// looks at.
func BenchmarkFanout(b *testing.B) {
	production := withPassword()
	production.Mode = Production
	few := withPassword()
	few.MaxSockets = 20
	for _, c := range []struct {
		name         string
		instrumented bool
		options      Options
		page         bool
	}{
		{"without", false, Options{}, false},
		{"production, nobody looks", true, production, false},
		{"development, nobody looks", true, withPassword(), false},
		{"production, a page looks", true, production, true},
		{"development, a page looks at 20 sockets", true, few, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := plainServers(b, 1)[0]
			if c.instrumented {
				s.instrument(b, c.options)
			}
			var got atomic.Int64
			enough := make(chan struct{}, 1)
			want := new(atomic.Int64)
			for range 200 {
				drain(b, s.url, func() {
					if got.Add(1) == want.Load() {
						enough <- struct{}{}
					}
				})
			}
			if c.page {
				connect(b, s.url, "/admin", credentials()).await("server_stats", nil)
			}
			text := strings.Repeat("x", 100)
			b.ReportAllocs()
			b.ResetTimer()
			before := processTime(b)
			for range b.N {
				want.Add(200)
				s.Emit("event", text)
				<-enough
			}
			b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op") // others may be at work beside it
		})
	}
}

// processTime is the processor time that this process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// drain connects a client that calls received for each event.
func drain(b *testing.B, url string, received func()) {
	b.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/socket.io/?transport=websocket&EIO=4", nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		b.Fatal(err)
	}
	opened, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, data, err := conn.ReadMessage()
			switch packet := string(data); {
			case err != nil:
				return
			case packet == "2":
				_ = conn.WriteMessage(websocket.TextMessage, []byte("3"))
			case strings.HasPrefix(packet, "40"):
				close(opened)
			case strings.HasPrefix(packet, "42"):
				received()
			}
		}
	}()
	<-opened
	b.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
}
