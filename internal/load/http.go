package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const path = "/socket.io/?EIO=4&transport="

// upgradeRequest returns the request for a WebSocket: for a new session, or for the one
// with this id.
func upgradeRequest(host, id string) string {
	return "GET " + path + "websocket" + withID(id) + " HTTP/1.1\r\nHost: " + host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29ja2V0bWVzaCBiZW5jaA==\r\n\r\n"
}

func pollRequest(host, id string) string {
	return "GET " + path + "polling" + withID(id) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
}

func postRequest(host, id, packet string) string {
	return fmt.Sprintf("POST %spolling%s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s",
		path, withID(id), host, len(packet), packet)
}

func withID(id string) string {
	if id == "" {
		return ""
	}
	return "&sid=" + id
}

// separator separates the packets of a polling response.
const separator = "\x1e"

// polled handles one polling response, and returns its length.
func (w *Swarm) polled(s *session, data []byte) (int, error) {
	body, n, err := readResponse(data)
	if n == 0 || err != nil {
		return 0, err
	}
	host := w.target(s).host
	switch s.phase {
	case asking:
		if s.id = sessionID(body); s.id == "" {
			return 0, fmt.Errorf("no handshake in %.100q", body)
		}
		handshake, _, _ := bytes.Cut(body, []byte(separator))
		w.beats.learn(handshake[1:])
		s.heard = w.now
		w.request(s, posting, postRequest(host, s.id, "40"))
	case posting:
		w.request(s, polling, pollRequest(host, s.id))
	case polling:
		for packet := range bytes.SplitSeq(body, []byte(separator)) {
			switch {
			case bytes.HasPrefix(packet, []byte("40")):
				// The rest happens over a WebSocket.
				s.begun = true
				w.wire.hangUp(s)
				w.dial(s)
				return n, nil
			case bytes.HasPrefix(packet, []byte("44")):
				return 0, fmt.Errorf("the server refused the client: %.100s", packet)
			}
		}
		w.request(s, polling, pollRequest(host, s.id))
	}
	return n, nil
}

// readResponse reads the HTTP response at the beginning of data; n is 0 if it is not
// complete.
func readResponse(data []byte) (body []byte, n int, err error) {
	if !bytes.Contains(data, []byte("\r\n\r\n")) {
		return nil, 0, nil
	}
	source := bytes.NewReader(data)
	buffered := bufio.NewReader(source)
	response, err := http.ReadResponse(buffered, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("response: %w", err)
	}
	body, err = io.ReadAll(response.Body)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("response: %w", err)
	case response.StatusCode == http.StatusServiceUnavailable:
		return nil, 0, fmt.Errorf("%w: %s", errUnavailable, response.Status)
	case response.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("response %s: %.100q", response.Status, body)
	}
	return body, len(data) - source.Len() - buffered.Buffered(), nil
}

// sessionID returns the session's id in a handshake of Engine.IO.
func sessionID(body []byte) string {
	_, rest, found := bytes.Cut(body, []byte(`"sid":"`))
	if !found || !bytes.HasPrefix(body, []byte("0{")) {
		return ""
	}
	id, _, found := bytes.Cut(rest, []byte(`"`))
	if !found {
		return ""
	}
	return string(id)
}
