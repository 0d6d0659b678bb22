package ws

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// The examples of RFC 6455, section 5.7, of frames that we send.
func TestFramesOnTheWire(t *testing.T) {
	for _, c := range []struct {
		op      wsframe.Opcode
		payload []byte
		header  string
	}{
		{wsframe.Binary, []byte("Hello"), "8205"},
		{wsframe.Pong, []byte("Hello"), "8a05"},
		{wsframe.Binary, nil, "8200"},
		{wsframe.Binary, make([]byte, 125), "827d"},
		{wsframe.Binary, make([]byte, 126), "827e007e"},
		{wsframe.Binary, make([]byte, 256), "827e0100"},
		{wsframe.Binary, make([]byte, 65535), "827effff"},
		{wsframe.Binary, make([]byte, 65536), "827f0000000000010000"},
	} {
		out := &script{}
		w := writer{socket: out}
		if err := w.control(c.op, c.payload); err != nil {
			t.Fatal(err)
		}
		want, _ := hex.DecodeString(c.header)
		if got := out.written(); !bytes.Equal(got, append(want, c.payload...)) {
			t.Errorf("frame of %d bytes begins % x, want % x", len(c.payload), got[:min(len(got), 16)], want)
		}
	}
}

// All frames of a Send that fit into a chunk make one write.
func TestSendWritesOnce(t *testing.T) {
	for _, dialled := range []bool{false, true} {
		for _, c := range []struct{ count, size, writes int }{
			{1, 0, 1}, {1, 100, 1}, {256, 100, 1}, {10, 4096, 1}, {1000, 100, 1}, {2000, 100, 2},
		} {
			out := &script{}
			w := writer{socket: out, masked: dialled}
			payloads := make([][]byte, c.count)
			for i := range payloads {
				payloads[i] = make([]byte, c.size)
			}
			if err := w.messages(payloads); err != nil {
				t.Fatal(err)
			}
			if len(out.writes) != c.writes {
				t.Errorf("%d frames of %d bytes, dialled %v: %d writes, want %d", c.count, c.size, dialled, len(out.writes), c.writes)
			}
			if cap(w.buf) > 2*chunk {
				t.Errorf("buffer has grown to %d bytes", cap(w.buf))
			}
		}
	}
}

func TestTooLargeFrameIsAnsweredWith1009(t *testing.T) {
	l := listen(t, quick)
	for name, header := range map[string]string{
		"one byte more":  "82ff0000000000100001",
		"2^62 bytes":     "82ff4000000000000000",
		"100 GB":         "82ff0000001900000000",
		"in two parts":   "02ff0000000000080000",
		"after a header": "82ff00000000001fffff",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := stranger(t, l, nil)
			accepted := accept(t, l)
			frame, _ := hex.DecodeString(header + "00000000")
			if name == "in two parts" {
				frame = append(frame, make([]byte, 0x80000)...)
				more, _ := hex.DecodeString("80ff000000000008000100000000")
				frame = append(frame, more...)
			}
			if _, err := c.NetConn().Write(frame); err != nil {
				t.Fatal(err)
			}
			if _, err := accepted.Recv(); !errors.Is(err, core.ErrTooLarge) {
				t.Errorf("Recv: got %v, want core.ErrTooLarge", err)
			}
			if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1009) {
				t.Errorf("the sender got %v, want 1009", err)
			}
		})
	}
	wantWorks(t, l)
}

func TestBadFramesEndTheConnection(t *testing.T) {
	for name, frames := range map[string]string{
		"unmasked":            "820161",
		"reserved bit":        "c28100000000ff",
		"bad opcode":          "83810000000061",
		"continuation first":  "80810000000061",
		"fragmented ping":     "09810000000061",
		"long ping":           "89fe007e00000000",
		"negative length":     "82ffffffffffffffffff00000000",
		"close with 1 byte":   "88810000000061",
		"close with bad code": "888200000000000f",
		"close with bad text": "88830000000003e8ff",
		"truncated":           "82850000000061",
		"nothing":             "",
	} {
		t.Run(name, func(t *testing.T) {
			src, _ := hex.DecodeString(frames)
			c, _ := scripted(t, src, 1000)
			for range 2000 { // however often it is asked
				if frame, err := c.Recv(); err == nil {
					t.Fatalf("Recv: got % x", frame)
				} else if errors.Is(err, net.ErrClosed) {
					t.Fatalf("Recv: got %v before Close", err)
				}
			}
			c.Close(core.CloseProtocolError)
			if _, err := c.Recv(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Recv: got %v after Close", err)
			}
		})
	}
}

// TestBadFramesAreAnswered: the peer is told what it has done, by RFC 6455's code.
func TestBadFramesAreAnswered(t *testing.T) {
	for name, c := range map[string]struct{ frames, answer string }{
		"reserved bit":            {"c28100000000ff", "880203ea"},
		"half a close code":       {"88810000000061", "880203ea"},
		"close code 1005":         {"88820000000003ed", "880203ea"},
		"close code 1006":         {"88820000000003ee", "880203ea"},
		"close code 1015":         {"88820000000003f7", "880203ea"},
		"close code 999":          {"88820000000003e7", "880203ea"},
		"close code 2000":         {"88820000000007d0", "880203ea"},
		"reason not UTF-8":        {"88830000000003e8ff", "880203ef"},
		"text not UTF-8":          {"818200000000c3ff", "880203ef"},
		"text in parts not UTF-8": {"018100000000c3" + "808100000000ff", "880203ef"},
	} {
		t.Run(name, func(t *testing.T) {
			src, _ := hex.DecodeString(c.frames)
			conn, out := scripted(t, src, 1000)
			if frame, err := conn.Recv(); !errors.Is(err, core.ErrMalformed) {
				t.Errorf("Recv: got % x, %v, want core.ErrMalformed", frame, err)
			}
			if got := hex.EncodeToString(out.written()); got != c.answer {
				t.Errorf("the peer got %s, want %s", got, c.answer)
			}
		})
	}
}

// TestTextAndBytes: a text in parts may be cut within a character, and bytes need not
// be text.
func TestTextAndBytes(t *testing.T) {
	src := slices.Concat(masked(0x01, "\xe2"), masked(0x00, "\x82"), masked(0x80, "\xac"), masked(0x82, "\xff"), masked(0x02, "\xfe"), masked(0x80, "\xff"))
	c, _ := scripted(t, src, 1000)
	wantRecv(t, c, "€")
	wantRecv(t, c, "\xff")
	wantRecv(t, c, "\xfe\xff")
}

func TestMessagesInPartsAreWhole(t *testing.T) {
	var src []byte
	part := func(op byte, payload string) { src = append(src, masked(op, payload)...) }
	part(0x02, "in ")           // binary, not final
	part(0x89, "ping between")  // ping
	part(0x00, "three ")        // continuation
	part(0x80, "parts")         // continuation, final
	part(0x81, "text")          // text
	part(0x8A, "pong unasked")  // pong
	part(0x88, "\x03\xe8'bye'") // close
	c, out := scripted(t, src, 1000)
	wantRecv(t, c, "in three parts")
	wantRecv(t, c, "text")
	_, err := c.Recv()
	if reason, ok := closeReason(err); !ok || reason != (core.CloseReason{Code: 1000, Text: "'bye'"}) {
		t.Errorf("Recv: got %v", err)
	}
	if err := c.Send(t.Context(), [][]byte{[]byte("sent")}); err != nil {
		t.Errorf("Send: %v", err)
	}
	c.Close(core.CloseProtocolError)
	c.Close(core.CloseProtocolError)
	if got, want := string(out.written()), "\x8a\x0cping between"+"\x82\x04sent"+"\x88\x02\x03\xe8"; got != want {
		t.Errorf("written: got %q, want %q", got, want)
	}
}

func TestClosePayload(t *testing.T) {
	for _, c := range []struct {
		reason core.CloseReason
		want   string
	}{
		{core.CloseReason{Code: 1000}, "\x03\xe8"},
		{core.CloseHelloTimeout, "\x03\xeahello-timeout"},
		{core.CloseReason{Code: 4401, Text: "unauthorized"}, "\x11\x31unauthorized"},
		{core.CloseReason{}, ""},
		{core.CloseReason{Code: 1005, Text: "x"}, ""},
		{core.CloseReason{Code: 1006}, ""},
		{core.CloseReason{Code: 1015}, ""},
		{core.CloseReason{Code: 2000}, ""},
		{core.CloseReason{Code: 66536}, ""},
		{core.CloseReason{Code: 70000}, ""},
		{core.CloseReason{Code: -1}, ""},
		{core.CloseReason{Code: 1000, Text: strings.Repeat("x", 200)}, "\x03\xe8" + strings.Repeat("x", 123)},
		{core.CloseReason{Code: 1000, Text: strings.Repeat("€", 50)}, "\x03\xe8" + strings.Repeat("€", 41)},
		{core.CloseReason{Code: 1000, Text: "y" + strings.Repeat("€", 50)}, "\x03\xe8y" + strings.Repeat("€", 40)},
		{core.CloseReason{Code: 1000, Text: "bad \xff"}, "\x03\xe8bad ?"},
	} {
		if got := string(closePayload(c.reason)); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.reason, got, c.want)
		}
	}
}

// If a peer is gone without a close frame, Recv returns no reason.
func TestLostPeer(t *testing.T) {
	l := listen(t, quick)
	c, _ := stranger(t, l, nil)
	accepted := accept(t, l)
	c.NetConn().Close()
	_, err := accepted.Recv()
	if _, ok := closeReason(err); err == nil || ok || errors.Is(err, net.ErrClosed) {
		t.Errorf("Recv: got %v, want an error that is neither CloseError nor net.ErrClosed", err)
	}
}

// Send returns the peer's reason, once Recv has read it.
func TestSendAfterGoodbye(t *testing.T) {
	l := listen(t, quick)
	c, _ := stranger(t, l, nil)
	accepted := accept(t, l)
	c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "slow-consumer"))
	c.NetConn().Close()
	if _, err := accepted.Recv(); err == nil {
		t.Fatal("Recv: no error")
	}
	var err error
	for err == nil {
		err = accepted.Send(t.Context(), [][]byte{make([]byte, 1000)})
	}
	if reason, _ := closeReason(err); reason != core.CloseSlowPeer {
		t.Errorf("Send: got %v, want the peer's reason", err)
	}
}

// Pings are answered while Send writes, and reading does not wait for writing.
func TestPingWhileSendBlocks(t *testing.T) {
	l := listen(t, quick)
	c, _ := stranger(t, l, nil)
	accepted := accept(t, l)
	sent := make(chan error, 1)
	go func() {
		var err error
		for range 256 {
			if err = accepted.Send(t.Context(), [][]byte{make([]byte, 256<<10)}); err != nil {
				break
			}
		}
		sent <- err
	}()
	for range 1000 {
		if err := c.WriteControl(websocket.PingMessage, []byte("old"), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	c.WriteControl(websocket.PingMessage, []byte("last"), time.Now().Add(patience))
	c.WriteMessage(websocket.BinaryMessage, []byte("read"))
	wantRecv(t, accepted, "read")
	var pongs []string
	c.SetPongHandler(func(payload string) error {
		pongs = append(pongs, payload)
		return nil
	})
	for range 256 {
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if err := accepted.Send(t.Context(), [][]byte{nil}); err != nil {
		t.Fatal(err)
	}
	c.ReadMessage()
	if len(pongs) == 0 || pongs[len(pongs)-1] != "last" {
		t.Errorf("pongs: got %q, want the last ping answered", pongs)
	}
}

// Close returns at once if the peer answers the close frame and leaves it to us to
// close the TCP connection, as the reference's diallers do.
func TestCloseHangsUp(t *testing.T) {
	l := listen(t, Options{CloseTimeout: patience})
	c, _ := stranger(t, l, nil)
	accepted := accept(t, l)
	answered := make(chan error, 1)
	go func() {
		c.ReadMessage() // the library answers
		_, err := c.NetConn().Read(make([]byte, 1))
		c.Close()
		answered <- err
	}()
	began := time.Now()
	accepted.Close(core.CloseShutdown)
	if took := time.Since(began); took > patience/2 {
		t.Errorf("Close took %v", took)
	}
	if err := <-answered; err != io.EOF {
		t.Errorf("the peer read %v, want EOF", err)
	}
}

// Close takes CloseTimeout at most, also while a Send is blocked.
func TestCloseIsBounded(t *testing.T) {
	l := listen(t, Options{})
	c := raw(t, l.Addr(), upgrade+"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	accepted := accept(t, l)
	sent := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			err = accepted.Send(t.Context(), [][]byte{make([]byte, 256<<10)})
		}
		sent <- err
	}()
	began := time.Now()
	accepted.Close(core.CloseSlowPeer)
	if took := time.Since(began); took > patience/2 { // it would be for ever
		t.Errorf("Close took %v", took)
	}
	if err := <-sent; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: got %v, want net.ErrClosed", err)
	}
	io.Copy(io.Discard, c)
}

// Whatever a peer sends, reading ends with an error, and the messages before that are
// no larger than what was sent.
func FuzzRecv(f *testing.F) {
	f.Add([]byte{})
	f.Add(masked(0x82, "hello"))
	f.Add(append(masked(0x02, "a"), masked(0x80, "b")...))
	f.Add(append(masked(0x89, "ping"), masked(0x88, "\x03\xe8bye")...))
	f.Add(masked(0x82, strings.Repeat("x", 70_000)))
	f.Add(append(masked(0x01, "\xe2\x82"), masked(0x80, "\xac")...))
	f.Add(masked(0x81, "\xff"))
	f.Add(masked(0x88, "\x03\xed"))
	f.Add(masked(0x88, "\x03\xe8\xff"))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add(wsframe.New(wsframe.Binary, []byte("of a server")))
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 1000
		for _, dialled := range []bool{false, true} {
			options := New(Options{MaxFrame: limit}).options
			c := newConn(&script{in: bytes.NewReader(src)}, nil, &options, dialled)
			total := 0
			for {
				frame, err := c.Recv()
				if err != nil {
					break
				}
				if total += len(frame); len(frame) > limit || total > len(src) {
					t.Fatalf("got %d bytes, %d in all, of %d with a limit of %d", len(frame), total, len(src), limit)
				}
			}
			c.Close(core.CloseProtocolError)
			if _, err := c.Recv(); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Recv after Close: %v", err)
			}
		}
	})
}
