package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/socketmesh/mesh/internal/wsframe"
)

var _ events = (*Swarm)(nil)

// Ids of acknowledgements: those of joins are 0, 1, …
const (
	echoID  = 1_000_000
	fetchID = 1_000_001
)

// opened is the beginning of the benchmark's event in a packet.
const opened = `42["msg","`

// connected is called when the TCP connection was made.
func (w *Swarm) connected(s *session) {
	switch {
	case s.begun:
		w.request(s, upgrading, upgradeRequest(w.target(s).host, s.id))
	case w.plan.Polling:
		w.request(s, asking, pollRequest(w.target(s).host, ""))
	default:
		w.request(s, upgrading, upgradeRequest(w.target(s).host, ""))
	}
}

func (w *Swarm) request(s *session, next phase, text string) {
	s.phase = next
	s.out = append(s.out, text...)
	w.touch(s)
}

// received handles the complete frames and responses in data, and returns their length.
func (w *Swarm) received(s *session, data []byte) int {
	used := 0
	now := w.clock.now()
	for used < len(data) {
		n, err := w.next(s, data[used:], now)
		if err != nil {
			w.drop(s, err)
			return len(data)
		}
		if n == 0 || s.phase == dialling {
			break
		}
		used += n
	}
	return used
}

// next handles one response or frame in data, and returns its length; 0 if it is not
// complete.
func (w *Swarm) next(s *session, data []byte, now int64) (int, error) {
	switch s.phase {
	case asking, posting, polling:
		return w.polled(s, data)
	case upgrading:
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			line, _, _ := bytes.Cut(data, []byte("\r\n"))
			if bytes.Contains(line, []byte(" 503 ")) {
				return 0, fmt.Errorf("%w: %q", errUnavailable, line)
			}
			return 0, fmt.Errorf("the server does not upgrade: %q", line)
		}
		s.phase = opening
		if s.begun {
			s.phase = probing
			w.send(s, "2probe")
		}
		return end + len("\r\n\r\n"), nil
	}
	f, n, err := readFrame(data)
	if n == 0 || err != nil {
		return 0, err
	}
	return n, w.frame(s, f, now)
}

// frame handles one frame, which may be a fragment of a message.
func (w *Swarm) frame(s *session, f frame, now int64) error {
	switch f.op {
	case wsframe.Text, wsframe.Continuation:
		if f.final && len(s.message) == 0 {
			return w.message(s, f.payload, now)
		}
		if len(s.message)+len(f.payload) > maxFrame {
			return errFrame
		}
		s.message = append(s.message, f.payload...)
		if !f.final {
			return nil
		}
		whole := s.message
		s.message = nil
		return w.message(s, whole, now)
	case wsframe.Binary, wsframe.Pong:
		return nil
	case wsframe.Ping:
		s.out = appendFrame(s.out, wsframe.Pong, string(f.payload))
		w.touch(s)
		return nil
	case wsframe.Close:
		return fmt.Errorf("%w: %s", errHungUp, closeReason(f.payload))
	}
	return errFrame
}

func closeReason(payload []byte) string {
	if len(payload) < 2 {
		return "no reason given"
	}
	return fmt.Sprintf("code %d %q", int(payload[0])<<8|int(payload[1]), payload[2:])
}

// message handles one Engine.IO packet.
func (w *Swarm) message(s *session, m []byte, now int64) error {
	if len(m) > len(opened) && string(m[:len(opened)]) == opened {
		w.deliver(s, m[len(opened):], now)
		return nil
	}
	if len(m) == 0 {
		return errors.New("an empty packet")
	}
	switch m[0] {
	case '0': // the handshake
		w.beats.learn(m[1:])
		s.heard = now
		if s.phase == opening {
			s.phase = connecting
			w.send(s, "40")
		}
	case '1':
		return errors.New("the server closed the session")
	case '2':
		w.pinged(s, now)
	case '3':
		if s.phase == probing {
			w.send(s, "5")
			s.id = ""
			w.join(s)
		}
	case '4':
		return w.packet(s, m[1:], now)
	}
	return nil
}

// packet handles one Socket.IO packet other than the benchmark's event.
func (w *Swarm) packet(s *session, m []byte, now int64) error {
	if len(m) == 0 {
		return errors.New("an empty packet")
	}
	switch m[0] {
	case '0':
		if s.phase == connecting {
			w.join(s)
		}
	case '1':
		return errors.New("the server disconnected the client")
	case '3':
		end := bytes.IndexByte(m, '[')
		if end < 0 {
			return nil
		}
		id, err := strconv.Atoi(string(m[1:end]))
		if err == nil {
			w.answered(s, id, m[end:], now)
		}
	case '4':
		return fmt.Errorf("the server refused the client: %s", m[1:])
	}
	return nil
}

// send sends one Engine.IO packet.
func (w *Swarm) send(s *session, packet string) {
	s.out = appendFrame(s.out, wsframe.Text, packet)
	w.touch(s)
}

// join asks for all rooms of a session in one event each, without waiting in between.
func (w *Swarm) join(s *session) {
	s.phase = joining
	for k := range w.plan.RoomsPerClient {
		w.send(s, "42"+strconv.Itoa(k)+joinEvent(w.plan.room(w.plan.First+int(s.index), k)))
		s.answers++
	}
}

func joinEvent(room int) string { return `["join","` + roomName(room) + `"]` }

// roomName returns the name of a room; all names have the same length.
func roomName(room int) string { return fmt.Sprintf("room%06d", room) }

// answered handles an acknowledgement.
func (w *Swarm) answered(s *session, id int, args []byte, now int64) {
	if id == echoID || id == fetchID {
		w.prober.answered(w, s, args, now)
		return
	}
	if s.phase != joining || s.answers == 0 {
		return
	}
	if s.answers--; s.answers == 0 {
		s.phase = ready
		w.dialler.open--
		w.tally.Ready++
		w.waits.Record(time.Duration(now - s.since))
	}
}
