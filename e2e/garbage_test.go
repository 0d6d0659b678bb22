package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestGarbage: whatever arrives on the mesh port and at the discovery service,
// the traffic of the servers goes on undisturbed.
func TestGarbage(t *testing.T) {
	t.Parallel()
	c := startCluster(t, goKind, []string{goKind, goKind, goKind}, args{"maxFrame": 8 << 20})
	target := c.servers[0]
	watcher := connect(t, target, "/", nil)
	undisturbed(t, c, func() {
		before := target.openFiles()
		for name, address := range map[string]string{"mesh": target.mesh, "discovery": c.discovery.url} {
			t.Run(name+" port", func(t *testing.T) {
				randomBytes(t, address)
				plainHTTP(t, address)
				silentConnections(t, address)
				brokenWebSocket(t, address)
				oddMessages(t, address)
				if name == "mesh" {
					oddPeer(t, target)
				}
				// The service goes on working: somebody new is let in.
				late := c.add(t, goKind, nil)
				c.know(t, "/", append(c.servers, late)...)
			})
		}
		procs.Eventually(t, askTime, func() error {
			if now := target.openFiles(); now > before+5 { // clients come and go
				return fmt.Errorf("%s has %d open files, and had %d", target.name, now, before)
			}
			return nil
		})
	})
	target.do(t, "emit", args{"args": list{"last"}})
	watcher.wait(t, "last", 1)
	same(t, "what a client has got of it", watcher.received(t, 0), list{list{"last"}})
	stats := target.do(t, "stats", nil).(args)
	if stats["Refused"].(float64) < 10 || stats["Ignored"].(float64) < 0 {
		t.Errorf("refused %v connections and ignored %v messages: some are not counted", stats["Refused"], stats["Ignored"])
	}
}

// openFiles is the number of files and sockets the process holds; 0 where the
// system does not tell.
func (p *process) openFiles() int {
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	return len(files)
}

func dialTCP(t *testing.T, address string) net.Conn {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, askTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func randomBytes(t *testing.T, address string) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{1, 100, 10_000, 1 << 20} {
		conn := dialTCP(t, address)
		noise := make([]byte, size)
		random.Read(noise)
		conn.Write(noise)
		conn.Close()
	}
}

func plainHTTP(t *testing.T, address string) {
	t.Helper()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /socket.io/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: a\r\n\r\n",
	} {
		conn := dialTCP(t, address)
		conn.SetDeadline(time.Now().Add(askTime))
		io.WriteString(conn, request)
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !isHTTPError(answer) {
			t.Errorf("answer to %q is %q, %v", request, answer, err)
		}
	}
}

// silentConnections stay open, without a word, until the test ends.
func silentConnections(t *testing.T, address string) {
	t.Helper()
	for i := range 1000 {
		if i%10 == 0 {
			dialRaw(t, address)
		} else {
			dialTCP(t, address)
		}
	}
}

// brokenWebSocket sends what is no WebSocket after a good handshake.
func brokenWebSocket(t *testing.T, address string) {
	t.Helper()
	for name, frame := range map[string][]byte{
		"unmasked":            {0x82, 0x01, 0x00},
		"reserved bits":       {0xf2, 0x80, 0, 0, 0, 0},
		"unknown opcode":      {0x83, 0x80, 0, 0, 0, 0},
		"oversized":           {0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0},
		"length with the top": {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"long control frame":  {0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0},
	} {
		r := dialRaw(t, address)
		conn := r.NetConn()
		conn.Write(frame)
		if !over(conn) {
			t.Errorf("%s: the connection is still open", name)
		}
	}
	truncated := dialRaw(t, address).NetConn()
	truncated.Write([]byte{0x82, 0xfe, 0x10, 0x00, 0, 0, 0, 0, 'a'})
	truncated.Close()
}

// oddMessages are good WebSocket messages that mean nothing.
func oddMessages(t *testing.T, address string) {
	t.Helper()
	random := rand.New(rand.NewChaCha8([32]byte{2}))
	for _, message := range [][]byte{
		{}, {0xc0}, {0x00}, {0x00, 0xc0}, {0x01, 0xc0}, {0x90}, {0x80}, {0xc1}, []byte("{}"), []byte("null"), []byte(`{"type":"register"}`),
		{0xdf, 0xff, 0xff, 0xff, 0xff}, {0x00, 0xdd, 0xff, 0xff, 0xff, 0xff}, // a map and a list of 4 billion
		packed("type", "register"), packed("type", "update"), packed("type", "register", "serverId", "", "address", ""),
		hello("uid", ""), append([]byte{0}, packed("uid", "x", "address", "y")[:5]...),
	} {
		dialRaw(t, address).send(message)
	}
	for range 50 {
		message := make([]byte, random.IntN(200))
		for i := range message {
			message[i] = byte(random.Uint32())
		}
		dialRaw(t, address).send(message)
	}
}

// oddPeer is let in as a node of the reference would be, and then says what it
// must not. It comes from an address of its own, since a node refuses those from which
// many handshakes have failed.
func oddPeer(t *testing.T, s *server) {
	t.Helper()
	var local net.Addr
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is there
		local = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	const uid = "0123456789abcdef"
	good := captured(t, "SOCKETS_JOIN", uid)
	for i, message := range [][]byte{
		{0x01}, {0x01, 0xc0}, {0x01, 0x80}, {0x02}, {0x7f, 0x00}, {0xff},
		append([]byte{1}, packed("nsp", "/")...),
		[]byte("\x01\x83\xa4type\x03\xa3uid\xb0" + uid + "\xa3nsp\xa1/"),             // a broadcast without data
		[]byte("\x01\x84\xa4type\x03\xa4data\xc0\xa3uid\xb0" + uid + "\xa3nsp\xa1/"), // of nil
		[]byte("\x01\x84\xa4type\x07\xa4data\x90\xa3uid\xb0" + uid + "\xa3nsp\xa1/"), // a question that is a list
		[]byte("\x01\x84\xa4type\x0b\xa4data\x81\xa9requestId\xff\xa3uid\xb0" + uid + "\xa3nsp\xa1/"),
		[]byte("\x01\x83\xa4type\xcc\xff\xa3uid\xb0" + uid + "\xa3nsp\xa1/"), // an unknown type
		[]byte("\x01\x83\xa4type\x02\xa3uid\xb0" + s.id + "\xa3nsp\xa1/"),    // from the receiver
		captured(t, "BROADCAST plain", "ffffffffffffffff"),                   // from somebody else
		good[:len(good)-3],
	} {
		peer := dialRawFrom(t, local, s.mesh)
		peer.send(hello("uid", uid, "address", fmt.Sprintf("ws://x%d", i)))
		peer.send(message)
		peer.send(captured(t, "INITIAL_HEARTBEAT (a namespace is created while peers are connected)", uid))
		peer.Close()
	}
}
