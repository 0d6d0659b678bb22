package quic

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/acceptqueue"
	"github.com/socketmesh/mesh/internal/await"
)

// Packets that are not QUIC are dropped and counted.
func TestNoiseAtThePort(t *testing.T) {
	log := newLogs()
	options := quick
	options.Logger = log.logger()
	transport := like(options)
	l := listen(t, transport)
	dialled, err := dial(t, shared(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	noise, err := net.Dial("udp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer noise.Close()
	random := rand.NewChaCha8([32]byte{1})
	packet := make([]byte, 1500)
	for i := range 2000 {
		random.Read(packet)
		switch i % 4 {
		case 1: // like a packet that begins a connection
			copy(packet, []byte{0xC3, 0, 0, 0, 1, 8})
		case 2: // of another version
			copy(packet, []byte{0xC3, 0xBA, 0xBA, 0xBA, 0xBA, 8})
		case 3: // like one of a connection
			packet[0] = 0x40 | packet[0]&0x3F
		}
		noise.Write(packet[:1+rand.IntN(len(packet))])
		if i%100 == 0 {
			wantEcho(t, dialled, accepted)
		}
	}
	wantEcho(t, dialled, accepted)
	wantWorks(t, l)
	log.wait(t, "dropping a packet")
	if stats := transport.Stats(); stats.Strays == 0 {
		t.Errorf("Stats: %+v, want strays", stats)
	}
	if n := strings.Count(log.String(), "\n"); n > 10 {
		t.Errorf("%d lines were logged", n)
	}
}

// deafConn is a socket at which nothing arrives.
type deafConn struct {
	net.PacketConn
	closed chan struct{}
	once   sync.Once
}

func (c *deafConn) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.closed
	return 0, nil, net.ErrClosed
}

func (c *deafConn) SetReadDeadline(time.Time) error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (*deafConn) SetReadBuffer(int) error  { return nil }
func (*deafConn) SetWriteBuffer(int) error { return nil }

// Handshakes that do not go on are bounded, and do not delay others.
func TestHalfOpenHandshakes(t *testing.T) {
	options := quick
	options.HandshakeTimeout = time.Minute
	log := newLogs()
	options.Logger = log.logger()
	transport := like(options)
	l := listen(t, transport)
	to, err := net.ResolveUDPAddr("udp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	deaf := &quicgo.Transport{Conn: &deafConn{PacketConn: packets, closed: make(chan struct{})}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var dials sync.WaitGroup
	for range 3 * verifyHandshakes {
		dials.Go(func() { deaf.Dial(ctx, to, member(t), &quicgo.Config{}) })
	}
	dials.Wait()
	deaf.Close()
	// Beyond that number the library asks for proof of an address, in vain.
	await.Condition(t, "many handshakes are under way", func() bool { return l.handshakes.inProgress.Load() >= verifyHandshakes/2 })
	if n := l.handshakes.inProgress.Load(); n > 2*verifyHandshakes {
		t.Errorf("%d handshakes are under way", n)
	}
	wantWorks(t, l)
	l.Close() // ends them
	log.wait(t, "refusing a connection", "handshake")
	if n := l.handshakes.inProgress.Load(); n != 0 {
		t.Errorf("%d handshakes are under way after Close", n)
	}
}

// retryConn is a socket at which nothing arrives but Retry packets: its user proves
// the address, and never goes on.
type retryConn struct{ net.PacketConn }

func (c *retryConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || n > 0 && b[0]&0xF0 == 0xF0 {
			return n, from, err
		}
	}
}

func (*retryConn) SetReadBuffer(int) error  { return nil }
func (*retryConn) SetWriteBuffer(int) error { return nil }

// Handshakes that do not go on keep nobody out, even if their diallers prove the
// address: the oldest is closed for the next one. Nor do prefaces that never come.
func TestNewcomersPassHalfOpenHandshakes(t *testing.T) {
	few := handshakeLimits{verifyHandshakes + 40, 20}
	for name, attack := range map[string]func(t *testing.T, ctx context.Context, to net.Addr){
		"silent after ClientHello": func(t *testing.T, ctx context.Context, to net.Addr) {
			packets, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			half := &quicgo.Transport{Conn: &retryConn{packets}}
			var dials sync.WaitGroup
			t.Cleanup(func() {
				dials.Wait()
				half.Close()
				packets.Close()
			})
			for range verifyHandshakes + 3*few.ofSource {
				dials.Go(func() { half.Dial(ctx, to, member(t), &quicgo.Config{HandshakeIdleTimeout: time.Minute}) })
			}
		},
		"silent after TLS": func(t *testing.T, ctx context.Context, to net.Addr) {
			packets, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			silent := &quicgo.Transport{Conn: packets}
			t.Cleanup(func() {
				silent.Close()
				packets.Close()
			})
			for range 3 * few.ofSource {
				silent.Dial(ctx, to, member(t), &quicgo.Config{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			options := quick
			options.HandshakeTimeout = 4 * time.Minute
			transport := like(options)
			transport.handshakes = few
			l := listen(t, transport)
			evicted := make(chan struct{}, 1000) // more than there are handshakes
			l.OnRefuse(func(_ string, why error) {
				if errors.Is(why, errOldestHandshake) && errors.Is(why, core.ErrBusy) {
					evicted <- struct{}{}
				}
			})
			to, err := net.ResolveUDPAddr("udp", l.Addr())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			attack(t, ctx, to)
			for i, late := 0, time.After(patience); i < few.ofSource; i++ {
				select {
				case <-evicted:
				case <-late:
					t.Fatalf("%d of the oldest were closed", i)
				}
			}
			if n := l.handshakes.pending.Len(); n > verifyHandshakes+few.ofSource {
				t.Errorf("%d handshakes are pending", n)
			}
			wantWorks(t, l)
		})
	}
}

// A connection without a preface is not accepted.
func TestBadIntroductions(t *testing.T) {
	options := quick
	options.HandshakeTimeout = 4 * time.Second
	for name, c := range map[string]struct {
		preface string
		then    func(*quicgo.Conn, *quicgo.SendStream)
		code    quicgo.ApplicationErrorCode
	}{
		"no streams":     {"\x02\x00", nil, 1002},
		"empty":          {"\x01", nil, 1002},
		"endless varint": {"\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", nil, 1002},
		"too large":      {"\xff\xff\x03", nil, 1002},
		"a close frame":  {"\x00\x05\xe8\x07\x00\x00", nil, 1002},
		"garbage":        {strings.Repeat("\xff", 1000), nil, 1002},
		"only a part":    {"\x09\x08", nil, 1002},
		"silence":        {"", nil, 1002},
		"end of stream":  {"\x09\x08", func(_ *quicgo.Conn, s *quicgo.SendStream) { s.Close() }, 1002},
		"reset":          {"\x09\x08", func(_ *quicgo.Conn, s *quicgo.SendStream) { s.CancelWrite(1) }, 1002},
		"not accepted":   {eightStreams, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newLogs()
			options := options
			options.Logger = log.logger()
			transport := like(options)
			l := listen(t, transport)
			stranger, stream := impostor(t, l, c.preface)
			if c.then != nil {
				c.then(stranger, stream)
			}
			if c.code == 0 {
				accept(t, l)
				return
			}
			if code := endOf(t, stranger); code != c.code {
				t.Errorf("closed with code %d, want %d", code, c.code)
			}
			log.wait(t, "refusing a connection", "preface")
			if n := transport.Stats().Refusals; n != 1 {
				t.Errorf("Refusals: got %d, want 1", n)
			}
			wantWorks(t, l)
		})
	}
}

// Malformed bytes end their connection, and no other.
func TestBadFramesEndTheConnection(t *testing.T) {
	l := listen(t, shared())
	for name, c := range map[string]struct {
		bytes string
		then  func(*quicgo.Conn, *quicgo.SendStream)
		want  error
		code  quicgo.ApplicationErrorCode
	}{
		"one byte more":                {"\x82\x80\x40", nil, core.ErrTooLarge, 1009},
		"2^62 bytes":                   {"\x80\x80\x80\x80\x80\x80\x80\x80\x40", nil, core.ErrTooLarge, 1009},
		"endless size":                 {strings.Repeat("\xff", 100), nil, core.ErrMalformed, 1002},
		"end in a frame":               {"\x09four", func(_ *quicgo.Conn, s *quicgo.SendStream) { s.Close() }, core.ErrMalformed, 1002},
		"end without a close frame":    {"\x05four", func(_ *quicgo.Conn, s *quicgo.SendStream) { s.Close() }, core.ErrMalformed, 1002},
		"reset":                        {"\x09four", func(_ *quicgo.Conn, s *quicgo.SendStream) { s.CancelWrite(7) }, core.ErrMalformed, 1002},
		"close frame in a close frame": {"\x00\x00", nil, core.ErrMalformed, 1002},
		"empty close frame":            {"\x00\x01", nil, core.ErrMalformed, 1002},
		"long close frame":             {"\x00\x84\x02", nil, core.ErrMalformed, 1002},
		"close frame cut off":          {"\x00\x05\xe8\x07\x00\x09", nil, core.ErrMalformed, 1002},
		"close frame with a code":      {"\x00\x05\x01\x00\x00\x00", nil, core.ErrMalformed, 1002},
		"close frame of stream 8":      {"\x00\x06\xe8\x07\x80\x02\x00", nil, core.ErrMalformed, 1002},
		"close frame on a stream":      {"", onStream("\x00\x05\xe8\x07\x00\x00"), core.ErrMalformed, 1002},
		"large frame on a stream":      {"", onStream("\x82\x80\x40"), core.ErrTooLarge, 1009},
		"end in a stream's frame":      {"", onStream("\x09four", "end"), core.ErrMalformed, 1002},
	} {
		t.Run(name, func(t *testing.T) {
			stranger, stream := impostor(t, l, eightStreams)
			accepted := accept(t, l)
			if _, err := stream.Write([]byte(c.bytes)); err != nil {
				t.Fatal(err)
			}
			if c.then != nil {
				c.then(stranger, stream)
			}
			var from core.Stream = accepted
			if c.bytes == "" {
				from = accepted.Stream(0)
			}
			for {
				_, err := from.Recv()
				if err == nil {
					continue // the frame before
				}
				if !errors.Is(err, c.want) || errors.Is(err, net.ErrClosed) {
					t.Errorf("Recv: got %v, want %v", err, c.want)
				}
				break
			}
			if code := endOf(t, stranger); code != c.code {
				t.Errorf("the sender was told %d, want %d", code, c.code)
			}
			if err := accepted.Send(t.Context(), [][]byte{{1}}); !errors.Is(err, c.want) {
				t.Errorf("Send: got %v, want the same error", err)
			}
			accepted.Close(core.CloseProtocolError)
			if _, err := from.Recv(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Recv: got %v after Close", err)
			}
		})
	}
	wantWorks(t, l)
}

// onStream writes bytes on the first stream, and ends it if told so.
func onStream(bytes ...string) func(*quicgo.Conn, *quicgo.SendStream) {
	return func(c *quicgo.Conn, _ *quicgo.SendStream) {
		stream, err := c.OpenUniStream()
		if err != nil {
			return
		}
		stream.Write([]byte(bytes[0]))
		if len(bytes) > 1 {
			stream.Close()
		}
	}
}

// If a peer closes the QUIC connection with a code of its own, Recv returns no reason
// of the mesh.
func TestPeerThatJustCloses(t *testing.T) {
	l := listen(t, shared())
	for code, want := range map[quicgo.ApplicationErrorCode]error{
		0:         errAbandoned,
		1:         core.ErrMalformed,
		5000:      core.ErrMalformed,
		1<<62 - 1: core.ErrMalformed,
	} {
		stranger, _ := impostor(t, l, eightStreams)
		accepted := accept(t, l)
		stranger.CloseWithError(code, "text")
		_, err := accepted.Recv()
		if _, ok := closeReason(err); ok || !errors.Is(err, want) || errors.Is(err, net.ErrClosed) {
			t.Errorf("code %d: Recv: got %v, want %v", uint64(code), err, want)
		}
	}
	stranger, _ := impostor(t, l, eightStreams)
	accepted := accept(t, l)
	stranger.CloseWithError(1013, strings.Repeat("x", 200)+"\xff")
	_, err := accepted.Recv()
	if reason, _ := closeReason(err); reason != (core.CloseReason{Code: 1013, Text: strings.Repeat("x", 123)}) {
		t.Errorf("Recv: got %v", err)
	}
}

// A peer cannot open more streams than were agreed upon, nor send more than one window
// that is not read.
func TestStrangersAreBounded(t *testing.T) {
	l := listen(t, shared())
	stranger, stream := impostor(t, l, eightStreams)
	accept(t, l)
	if _, err := stranger.OpenStream(); err == nil {
		t.Error("a stream in both directions can be opened")
	}
	opened := 1
	for {
		s, err := stranger.OpenUniStream()
		if err != nil {
			break
		}
		opened++
		s.Write([]byte{1}) // an empty frame
	}
	if opened != 1+DefaultStreams {
		t.Errorf("%d streams can be opened, want %d", opened, 1+DefaultStreams)
	}
	stream.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	sent, err := stream.Write(make([]byte, 4*firstWindow))
	if err == nil || sent > firstWindow {
		t.Errorf("%d bytes were taken that nobody reads, want at most %d", sent, firstWindow)
	}
}

// A full queue refuses connections.
func TestAcceptQueueIsBounded(t *testing.T) {
	l := listen(t, shared())
	for range acceptqueue.Limit {
		if !l.queue.Reserve() {
			t.Fatal("no place in the queue")
		}
	}
	c, err := dial(t, shared(), l.Addr())
	if err == nil {
		_, err = c.Recv()
	}
	if reason, _ := closeReason(err); reason != core.CloseBusy {
		t.Errorf("Dial: got %v, want %v", err, core.CloseBusy)
	}
	l.queue.Release()
	if _, err := dial(t, shared(), l.Addr()); err != nil {
		t.Errorf("Dial: %v", err)
	}
	accept(t, l)
	for range acceptqueue.Limit - 1 {
		l.queue.Release()
	}
}
