package baseline

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The heartbeat of Engine.IO, with the values of Socket.IO servers.
const (
	pingInterval = 25 * time.Second
	pingTimeout  = 20 * time.Second
	readBuffer   = 1 << 10
)

// Server is an http.Handler. The zero value is ready to be used.
type Server struct {
	mu     sync.RWMutex
	conns  map[*conn]struct{}
	rooms  map[string]map[*conn]struct{}
	closed bool
	nextID uint64
	work   sync.WaitGroup
}

// ServeHTTP serves one client until it leaves.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{
		ReadBufferSize: readBuffer,
		// Not used: frames are built here.
		WriteBufferPool: new(sync.Pool),
		CheckOrigin:     func(*http.Request) bool { return true },
	}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	c := newConn(socket, &s.work)
	id, ok := s.add(c)
	if !ok {
		c.close()
		return
	}
	handshake, _ := json.Marshal(map[string]any{
		"sid": id, "upgrades": []string{}, "pingInterval": pingInterval.Milliseconds(), "pingTimeout": pingTimeout.Milliseconds(), "maxPayload": 1 << 20,
	})
	c.queue(textFrame("0" + string(handshake)))
	// Another goroutine reads, so that the web server's memory is freed.
	go func() {
		defer s.work.Done()
		defer s.remove(c)
		s.read(c, id)
	}()
}

// Close disconnects all clients, and returns when all goroutines have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// add adds a client, for whose goroutine Close waits from now on.
func (s *Server) add(c *conn) (id string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", false
	}
	if s.conns == nil {
		s.conns = map[*conn]struct{}{}
		s.rooms = map[string]map[*conn]struct{}{}
	}
	s.conns[c] = struct{}{}
	s.nextID++
	s.work.Add(1)
	return strconv.FormatUint(s.nextID, 36), true
}

func (s *Server) remove(c *conn) {
	c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	for _, room := range c.rooms {
		delete(s.rooms[room], c)
		if len(s.rooms[room]) == 0 {
			delete(s.rooms, room)
		}
	}
}

// read handles what the client sends until the connection ends.
func (s *Server) read(c *conn, id string) {
	ping := time.AfterFunc(pingInterval, func() { c.queue(textFrame("2")) })
	defer ping.Stop()
	for {
		c.socket.SetReadDeadline(time.Now().Add(pingInterval + pingTimeout))
		_, message, err := c.socket.ReadMessage()
		if err != nil {
			return
		}
		switch {
		case string(message) == "40":
			c.queue(textFrame(`40{"sid":"` + id + `"}`))
		case string(message) == "3":
			ping.Reset(pingInterval)
		case len(message) > 2 && string(message[:2]) == "42":
			s.event(c, message[2:])
		}
	}
}

// event handles join, pub and fetch.
func (s *Server) event(c *conn, packet []byte) {
	digits := 0
	for digits < len(packet) && packet[digits] >= '0' && packet[digits] <= '9' {
		digits++
	}
	var args []json.RawMessage
	var name, room string
	if json.Unmarshal(packet[digits:], &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &name) != nil {
		return
	}
	if len(args) > 1 && json.Unmarshal(args[1], &room) != nil {
		return
	}
	ack := func(value string) {
		if digits > 0 {
			c.queue(textFrame("43" + string(packet[:digits]) + "[" + value + "]"))
		}
	}
	switch {
	case name == "join" && len(args) > 1:
		s.join(c, room)
		ack("")
	case name == "pub" && len(args) > 2:
		s.publish(room, textFrame(`42["msg",`+string(args[2])+`]`))
	case name == "fetch":
		s.mu.RLock()
		n := len(s.conns)
		s.mu.RUnlock()
		ack(strconv.Itoa(n))
	}
}

func (s *Server) join(c *conn, room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms[room]
	if members == nil {
		members = map[*conn]struct{}{}
		s.rooms[room] = members
	}
	if _, in := members[c]; !in {
		members[c] = struct{}{}
		c.rooms = append(c.rooms, room)
	}
}

// publish sends one frame to all members of a room. Messages of one client are published
// one after the other, so each member gets them in that order.
func (s *Server) publish(room string, frame []byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.rooms[room] {
		c.queue(frame)
	}
}
