package socketio

import (
	bin "encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/socketio/internal/sioparser"
)

// foreign is a parser that the path takes for the application's own.
type foreign struct{ parser.Parser }

// TestParser: a server has our parser, whoever delivers to its clients, unless it has
// one of the application's, whose decoders are guarded.
func TestParser(t *testing.T) {
	own := reflect.TypeFor[sioparser.Parser]()
	for _, c := range []struct {
		parser  parser.Parser
		library bool
		want    reflect.Type
	}{
		{nil, false, own},
		{nil, true, own},
		{foreign{parser.NewParser()}, false, reflect.TypeOf(sioparser.Guarded(foreign{parser.NewParser()}))},
	} {
		options := socket.DefaultServerOptions()
		if c.parser != nil {
			options.SetParser(c.parser)
		}
		s := serveWith(t, options, lonely{}, WithClientOptions(ClientOptions{Library: c.library}))
		if got := reflect.ValueOf(s.Server).Elem().FieldByName("_parser").Elem().Type(); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// BenchmarkIntake takes events of one client in, up to its handler. They come one
// by one, or many at once. An operation is an event.
func BenchmarkIntake(b *testing.B) {
	for _, size := range []int{100, 4096} {
		for _, burst := range []int{1, 32} {
			for _, theirs := range []bool{true, false} {
				name := fmt.Sprintf("%dB/burst=%d/decoder=%s", size, burst, map[bool]string{true: "library", false: "own"}[theirs])
				b.Run(name, func(b *testing.B) { takeIn(b, size, burst, theirs) })
			}
		}
	}
}

func takeIn(b *testing.B, size, burst int, theirs bool) {
	options := socket.DefaultServerOptions()
	if theirs {
		options.SetParser(foreign{parser.NewParser()})
	}
	s := serveWith(b, options, lonely{})
	first, _ := s.client("/") // comes in past the acceptor
	first.close()
	done := make(chan struct{}, 1)
	heard := 0
	_ = s.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("e", func(args ...any) {
			if len(args[0].(string)) != size {
				b.Error("mangled")
			}
			if heard++; heard%burst == 0 {
				done <- struct{}{}
			}
		})
	})
	r, err := dialRaw(strings.TrimPrefix(s.http.URL, "http://"), nil, "40")
	if err != nil {
		b.Fatal(err)
	}
	defer r.conn.Close()
	if err := r.await("40"); err != nil {
		b.Fatal(err)
	}
	_ = r.conn.SetDeadline(time.Time{})
	frames := []byte(strings.Repeat(clientFrame(`42["e","`+strings.Repeat("x", size)+`"]`), burst))
	write := func() {
		if _, err := r.conn.Write(frames); err != nil {
			b.Fatal(err)
		}
	}
	write()
	before := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	rounds := b.N/burst + 1
	for range rounds {
		write() // while the last are handled
		<-done
	}
	<-done
	b.StopTimer()
	b.ReportMetric((cpu()-before).Seconds()/float64(rounds*burst)*1e6, "cpu-us/event")
}

// clientFrame is a message of a client as a WebSocket frame.
func clientFrame(message string) string {
	head := []byte{0x81, 0x80 | 126, 0, 0, 1, 2, 3, 4}
	bin.BigEndian.PutUint16(head[2:], uint16(len(message)))
	if len(message) < 126 {
		head = []byte{0x81, 0x80 | byte(len(message)), 1, 2, 3, 4}
	}
	mask := head[len(head)-4:]
	body := []byte(message)
	for i := range body {
		body[i] ^= mask[i&3]
	}
	return string(head) + string(body)
}
