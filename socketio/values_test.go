package socketio

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
)

const placeholder = `{"_placeholder":true,"num":0}`

// TestClientsValuesAreRelayed: what a client has sent can be emitted, answered, stored
// and emitted again, to sockets here and elsewhere, and be read afterwards.
func TestClientsValuesAreRelayed(t *testing.T) { onEachMesh(t, 2, clientsValuesAreRelayed) }

func clientsValuesAreRelayed(t *testing.T, s []*server) {
	sender, sock := s[0].client("/")
	here, _ := s[0].client("/", "r")
	there, _ := s[1].client("/", "r")
	heard := make(chan []any, 10)
	_ = s[1].On("note", func(args ...any) { heard <- args })
	got := make(chan []any, 1)
	_ = sock.On("blob", func(args ...any) { got <- args })

	sender.send(`52-7["blob",`+placeholder+`,{"in":{"_placeholder":true,"num":1}}]`, "one", "two")
	args := await.Value(t, got)
	ack := args[2].(socket.Ack)
	args = args[:2]
	sock.SetData(args[1])
	for range 2 {
		if err := Emit(s[0].To("r"), "relay", args...); err != nil {
			t.Fatal(err)
		}
		if err := s[0].To("r").Emit("twice", args[0], args[0]); err != nil {
			t.Fatal(err)
		}
		if err := s[0].ServerSideEmit("note", args...); err != nil {
			t.Fatal(err)
		}
		if err := sock.Emit("back", args...); err != nil {
			t.Fatal(err)
		}
		sender.expect(text(`52-["back",`+placeholder+`,{"in":{"_placeholder":true,"num":1}}]`), binary("one"), binary("two"))
		for _, c := range []*client{here, there} {
			c.expect(text(`52-["relay",`+placeholder+`,{"in":{"_placeholder":true,"num":1}}]`), binary("one"), binary("two"),
				text(`52-["twice",`+placeholder+`,{"_placeholder":true,"num":1}]`), binary("one"), binary("one"))
		}
		if note := await.Value(t, heard); string(note[0].(*types.BytesBuffer).Bytes()) != "one" {
			t.Errorf("server-side listener got %v", note)
		}
		for _, found := range fetchSockets(t, s[1].In(socket.Room(sock.Id()))) {
			if data := found.Data().(map[string]any); string(data["in"].(*types.BytesBuffer).Bytes()) != "two" {
				t.Errorf("data: %v", data)
			}
		}
	}
	ack(args, nil)
	sender.expect(text(`62-7[`+placeholder+`,{"in":{"_placeholder":true,"num":1}}]`), binary("one"), binary("two"))
	if b, err := io.ReadAll(args[0].(io.Reader)); err != nil || string(b) != "one" {
		t.Errorf("%q, %v is left to read", b, err)
	}
}

// TestAnswersAreRelayed: so can what a client answers.
func TestAnswersAreRelayed(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/", "r")
	answers := make(chan any, 2)
	sock.EmitWithAck("ask")(func(args []any, err error) { answers <- args[0] })
	id, _ := packetID(t, c.next().data, "2")
	c.send("61-"+id+"["+placeholder+"]", "answer")
	s.To("r").Timeout(time.Minute).EmitWithAck("ask")(func(args []any, err error) { answers <- args[0] })
	id, _ = packetID(t, c.next().data, "2")
	c.send("61-"+id+"["+placeholder+"]", "answer")
	for range 2 {
		answer := await.Value(t, answers)
		for range 2 {
			s.Emit("relay", answer)
			c.expect(text(`51-["relay",`+placeholder+`]`), binary("answer"))
		}
	}
}

// TestBuffersAreRelayedAtOnce: goroutines may emit the same buffer. The race detector
// looks on.
func TestBuffersAreRelayedAtOnce(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/", "r")
	buffer := types.NewBytesBufferString("buffer")
	const each = 50
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range each {
				_ = s.To("r").Emit("b", buffer)
			}
		})
		all.Go(func() {
			for range each {
				_ = sock.Emit("b", buffer)
			}
		})
	}
	for range 4 * each {
		c.expect(text(`51-["b",`+placeholder+`]`), binary("buffer"))
	}
	all.Wait()
}

// emitters are the ways to one client.
func emitters(s *server, sock *socket.Socket) map[string]Emitter {
	fetched := fetchSockets(s.t.(*testing.T), s.In(socket.Room(sock.Id())))[0]
	return map[string]Emitter{"namespace": s.Sockets(), "operator": s.To("r"), "socket": sock, "fetched socket": fetched, "local": s.Local()}
}

// TestValuesWithoutJSON: clients get them as JSON.stringify has them, whoever emits.
func TestValuesWithoutJSON(t *testing.T) {
	for _, options := range []ClientOptions{{}, {Library: true}} {
		s := serve(t, lonely{}, WithClientOptions(options))
		c, sock := s.client("/", "r")
		for name, to := range emitters(s, sock) {
			t.Run(fmt.Sprint(name, options.Library), func(t *testing.T) {
				if err := to.Emit("v", math.NaN(), func() {}, map[string]any{"c": make(chan int), "x": math.Inf(1)}, struct{ F []func() }{[]func(){nil}}); err != nil {
					t.Error(err)
				}
				c.expect(text(`2["v",null,null,{"x":null},{"F":[null]}]`))
			})
		}
	}
}

// TestPollingClientsValues: as those over WebSocket.
func TestPollingClientsValues(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	p, sock := s.polling()
	_ = sock.Emit("bad", 1i)
	_ = sock.Emit("v", math.NaN(), func() {})
	if got := p.get(); got != `42["v",null,null]` {
		t.Errorf("got %q", got)
	}
	s.Emit("bad", 1i)
	s.Emit("v", map[string]any{"f": func() {}}, math.Inf(1))
	if got := p.get(); got != `42["v",{},null]` {
		t.Errorf("got %q", got)
	}
	if got := strings.Count(log.String(), `event not sent`); got != 2 {
		t.Errorf("%d errors: %s", got, log.String())
	}
}

// TestWhatCannotBeSent: nobody gets anything, and whoever can be told is.
func TestWhatCannotBeSent(t *testing.T) {
	circle := map[string]any{}
	circle["self"] = circle
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	c, sock := s.client("/", "r")
	for name, to := range emitters(s, sock) {
		before := len(log.String())
		if err := to.Emit("bad", 1, []byte("x"), map[string]any{"user": circle}); err != nil {
			t.Errorf("%s: the library's Emit can return %v now", name, err)
		}
		if got := log.String()[before:]; strings.Count(got, "event not sent") != 1 || !strings.Contains(got, "event=bad") || !strings.Contains(got, "at=args[2].user.self") || !strings.Contains(got, "ERROR") {
			t.Errorf("%s: logged %s", name, got)
		}
		var e *EncodeError
		if err := Emit(to, "bad", 1, []byte("x"), map[string]any{"user": circle}); !errors.As(err, &e) || e.Event != "bad" || e.Path != "args[2].user.self" || e.Err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := Emit(to, "bad", panics{}, socket.Ack(func([]any, error) { t.Error("the callback is called") })); !errors.As(err, &e) || e.Path != "args[0]" {
			t.Errorf("%s: %v", name, err)
		}
		if err := Emit(to, "good", 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.expect(text(`2["good",1]`))
	}
	if err := Emit(s.Sockets(), "connect"); err == nil {
		t.Error("the library's error is lost")
	}
	if got := (&EncodeError{Event: "e", Path: "args[0].x", Err: io.EOF}).Error(); got != `event "e": args[0].x cannot be encoded: EOF` {
		t.Error(got)
	}
}

// TestAcknowledgementsOfWhatCannotBeSent: a callback gets the error, at once where the
// library lets it pass, and else the timeout's.
func TestAcknowledgementsOfWhatCannotBeSent(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	c, sock := s.client("/", "r")
	outcomes := make(chan error, 10)
	callback := func(_ []any, err error) { outcomes <- err }
	sock.EmitWithAck("bad", 1i)(callback)
	var e *EncodeError
	if err := await.Value(t, outcomes); !errors.As(err, &e) || e.Event != "bad" || e.Path != "args[0]" {
		t.Errorf("socket: %v", err)
	}
	if sock.Acks().Len() != 0 {
		t.Error("the callback is kept")
	}
	for name, ask := range map[string]func(string, ...any) func(socket.Ack){
		"socket":   sock.Timeout(10 * time.Millisecond).EmitWithAck,
		"operator": s.To("r").Timeout(10 * time.Millisecond).EmitWithAck,
	} {
		ask("bad", 1i)(callback)
		if err := await.Value(t, outcomes); err == nil || !strings.Contains(err.Error(), "timed out") {
			t.Errorf("%s with a timeout: %v", name, err)
		}
	}

	// An answer that cannot be encoded is not sent. The log names what it answers,
	// now or later.
	later := make(chan socket.Ack, 1)
	_ = sock.On("ask", func(args ...any) {
		ack := args[len(args)-1].(socket.Ack)
		ack([]any{1, map[string]any{"x": 1i}}, nil)
	})
	_ = sock.On("ask later", func(args ...any) { later <- args[0].(socket.Ack) })
	c.send(`21["ask"]`)
	c.send(`22["ask later"]`)
	await.Value(t, later)([]any{1i}, nil)
	for _, want := range []string{"event=ask at=ack[1].x", `event="ask later" at=ack[0]`} {
		await.Condition(t, want, func() bool { return strings.Contains(log.String(), "acknowledgement not sent\" namespace=/ "+want) })
	}
	_ = sock.On("fine", func(args ...any) {
		ack := args[0].(socket.Ack)
		ack(nil, nil)
		ack([]any{"again"}, nil) // has no effect
	})
	_ = sock.On("more", func(args ...any) { args[1].(socket.Ack)([]any{1, 2}, nil) })
	c.send(`29007199254740993["fine"]`)
	c.send(`24["more",0]`)
	c.expect(text(`39007199254740993[]`), text(`34[1,2]`))
	s.Emit("end")
	c.expect(text(`2["end"]`))
}

// TestAnswersOfServersThatCannotBeSent: the first that can be encoded counts.
func TestAnswersOfServersThatCannotBeSent(t *testing.T) { onEachMesh(t, 2, answersOfServers) }

func answersOfServers(t *testing.T, s []*server) {
	_ = s[1].On("ask", func(args ...any) {
		ack := args[len(args)-1].(socket.Ack)
		ack([]any{1i}, nil)
		ack([]any{7}, nil)
	})
	outcomes := make(chan string, 1)
	if err := s[0].Sockets().ServerSideEmitWithAck("ask")(func(args []any, err error) { outcomes <- fmt.Sprint(args, err) }); err != nil {
		t.Fatal(err)
	}
	if got := await.Value(t, outcomes); got != "[7] <nil>" {
		t.Error(got)
	}
	var e *EncodeError
	if err := s[0].Sockets().ServerSideEmitWithAck("ask", 1i)(func([]any, error) { t.Error("called") }); !errors.As(err, &e) || e.Path != "args[0]" {
		t.Error(err)
	}
}

// TestRefusalsThatCannotBeEncoded: the client hears why it is refused all the same.
func TestRefusalsThatCannotBeEncoded(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithLogger(log.Logger()))
	data := make(chan any, 1)
	s.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { next(socket.NewExtendedError("no", <-data)) })
	for _, test := range []struct {
		data any
		want string
	}{
		{nil, `4{"message":"no"}`}, {1i, `4{"message":"no"}`}, {func() {}, `4{"message":"no"}`}, {map[string]any{"n": math.NaN()}, `4{"data":{"n":null},"message":"no"}`},
	} {
		data <- test.data
		c := s.dial("EIO=4")
		c.send("0")
		c.expect(text(test.want))
	}
	if got := log.String(); strings.Count(got, "client refused without the error's data") != 1 || !strings.Contains(got, "at=error.data") {
		t.Errorf("logged %s", got)
	}
}

// markingParser is an application's parser: JSON with a mark in front.
type markingParser struct{ parser.Parser }

type markingEncoder struct{ parser.Encoder }

func (markingParser) NewEncoder() parser.Encoder { return markingEncoder{parser.NewEncoder()} }
func (e markingEncoder) Encode(p *parser.Packet) []types.BufferInterface {
	buffers := e.Encoder.Encode(p)
	buffers[0] = types.NewStringBufferString("own" + buffers[0].String())
	return buffers
}

// TestOwnParser: a parser of the application's writes what is sent, and what comes by
// the mesh has been made values for it.
func TestOwnParser(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetParser(markingParser{parser.NewParser()})
	s := serveWith(t, options, lonely{})
	connected := make(chan *socket.Socket, 1)
	_ = s.On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) })
	c := s.dial("EIO=4")
	c.send("0")
	c.next()
	sock := await.Value(t, connected)
	buffer := types.NewBytesBufferString("b")
	for range 2 {
		s.Emit("v", math.NaN(), buffer)
		c.expect(text(`own51-["v",null,`+placeholder+`]`), binary("b"))
	}
	if err := Emit(sock, "v", 1i); err == nil {
		t.Error("no error")
	}
	_ = sock.Emit("v", 1)
	c.expect(text(`own2["v",1]`))
}
