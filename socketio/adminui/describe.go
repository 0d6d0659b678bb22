package adminui

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// The limits of a socket's description, whatever its client sends.
const (
	maxParameters = 40      // headers, and parameters of the query
	maxText       = 256     // bytes of one value
	maxRooms      = 200     // rooms of a socket
	maxRoomName   = 512     // bytes; rooms with longer names are left out
	maxData       = 4 << 10 // bytes of a socket's data, and of the arguments of an event
	clientIDLen   = 12
)

// hidden replaces values with which others could act as the client.
const hidden = "(hidden)"

// secretHeaders are not shown.
var secretHeaders = map[string]bool{"authorization": true, "proxy-authorization": true, "cookie": true}

// description describes a socket for pages. Its members are in the order of the original's.
type description struct {
	ID        string          `json:"id"`
	ClientID  string          `json:"clientId"`
	Transport string          `json:"transport"`
	Namespace string          `json:"nsp"`
	Data      json.RawMessage `json:"data"`
	Handshake handshake       `json:"handshake"`
	Rooms     []string        `json:"rooms"`
}

// handshake is the handshake in a description, without auth, which contains secrets.
type handshake struct {
	Address string         `json:"address"`
	Headers map[string]any `json:"headers"`
	Query   map[string]any `json:"query"`
	Issued  int64          `json:"issued"`
	Secure  bool           `json:"secure"`
	Time    string         `json:"time"`
	URL     string         `json:"url"`
	Xdomain bool           `json:"xdomain"`
}

// describe describes a socket of this server, without its rooms.
func describe(s *socket.Socket, showData bool) description {
	d := description{
		ID:        string(s.Id()),
		ClientID:  clientID(s),
		Transport: transportOf(s),
		Namespace: s.Nsp().Name(),
		Data:      json.RawMessage("{}"),
		Rooms:     []string{},
	}
	if showData {
		d.Data = dataOf(s.Data())
	}
	if h := s.Handshake(); h != nil {
		d.Handshake = describeHandshake(h)
	}
	return d
}

func clientID(s *socket.Socket) string {
	if s.Client() == nil {
		return string(s.Id())
	}
	id := s.Conn().Id()
	return id[:min(len(id), clientIDLen)]
}

func transportOf(s *socket.Socket) string {
	if s.Client() == nil || s.Conn().Transport() == nil {
		return ""
	}
	return s.Conn().Transport().Name()
}

func describeHandshake(h *socket.Handshake) handshake {
	headers := parameters(h.Headers, strings.ToLower)
	address := withoutPort(h.Address)
	for _, name := range []string{"x-forwarded-for", "cf-connecting-ip"} { // the last one that is present wins, as in the original
		if forwarded, ok := headers[name].(string); ok && forwarded != "" {
			address = forwarded
		}
	}
	return handshake{
		Address: address,
		Headers: headers,
		Query:   parameters(h.Query, func(name string) string { return name }),
		Issued:  h.Issued,
		Secure:  h.Secure,
		Time:    h.Time,
		URL:     clipped(h.Url),
		Xdomain: h.Xdomain,
	}
}

// parameters converts headers, or parameters of the query, to the form of Node: one text
// each.
func parameters(values map[string]any, nameOf func(string) string) map[string]any {
	shown := make(map[string]any, min(len(values), maxParameters))
	for name, value := range values {
		if len(shown) == maxParameters {
			break
		}
		name = clipped(nameOf(name))
		if secretHeaders[name] {
			value = hidden
		}
		switch v := value.(type) {
		case []string:
			shown[name] = clipped(strings.Join(v, ", "))
		case string:
			shown[name] = clipped(v)
		default:
			shown[name] = clipped(fmt.Sprint(v))
		}
	}
	return shown
}

// clipped returns the beginning of a long text.
func clipped(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func withoutPort(address string) string {
	if ip, _, err := net.SplitHostPort(address); err == nil {
		return ip
	}
	return address
}

// dataOf encodes the data that an application has attached to a socket.
func dataOf(data any) json.RawMessage {
	if data == nil {
		return json.RawMessage("{}")
	}
	return visible(data)
}

// visible encodes a value for pages. A binary value is replaced by a description, and so is
// a value that is too long. The value itself is not changed.
func visible(value any) json.RawMessage {
	text, attachments, err := siovalue.Append(nil, value, siovalue.Options{KeepReaders: true})
	switch {
	case err != nil:
		return quoted("(cannot be encoded)")
	case len(text) > maxData:
		return quoted(fmt.Sprintf("(%d bytes)", len(text)))
	case len(attachments) == 0:
		return text
	}
	shown := string(text)
	for i, a := range attachments {
		placeholder := fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
		shown = strings.Replace(shown, placeholder, fmt.Sprintf(`"(binary, %d bytes)"`, len(a)), 1)
	}
	return json.RawMessage(shown)
}

// visibleEvent encodes the name of an event and its arguments, without the function that
// sends an acknowledgement.
func visibleEvent(event []any) json.RawMessage {
	if n := len(event); n > 0 {
		if _, isAck := event[n-1].(socket.Ack); isAck {
			event = event[:n-1]
		}
	}
	if len(event) == 0 {
		return json.RawMessage(`[""]`)
	}
	name, _ := event[0].(string)
	shown := []json.RawMessage{quoted(clipped(name))}
	left := maxData
	for _, arg := range event[1:] {
		text := visible(arg)
		if left -= len(text); left < 0 {
			shown = append(shown, quoted("(more)"))
			break
		}
		shown = append(shown, text)
	}
	return list(shown...)
}

// quoted returns text as a JSON string.
func quoted(text string) json.RawMessage {
	encoded, _ := json.Marshal(text) // never fails
	return encoded
}

// list returns a JSON list.
func list(members ...json.RawMessage) json.RawMessage {
	size := len("[]")
	for _, m := range members {
		size += len(m) + 1
	}
	text := append(make([]byte, 0, size), '[')
	for i, m := range members {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, m...)
	}
	return append(text, ']')
}

// encoded encodes a value of this package's own types, which cannot fail.
func encoded(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// moment returns a time as JavaScript writes it.
func moment(t time.Time) json.RawMessage {
	return json.RawMessage(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`))
}

// describeForeign describes a socket of a Node server. marked says that the original has
// put its mark into the socket's data: pages see only such sockets.
func describeForeign(s core.Socket, namespace string) (d description, marked bool) {
	var data map[string]json.RawMessage
	var mark struct {
		Client    string `json:"clientId"`
		Transport string `json:"transport"`
	}
	if json.Unmarshal(s.Data.Text, &data) != nil || json.Unmarshal(data["_admin"], &mark) != nil {
		return description{}, false
	}
	delete(data, "_admin")
	d = description{
		ID:        s.ID,
		ClientID:  clipped(mark.Client),
		Transport: clipped(mark.Transport),
		Namespace: namespace,
		Data:      visible(data),
		Rooms:     s.Rooms[:min(len(s.Rooms), maxRooms)],
	}
	_ = json.Unmarshal(s.Handshake.Text, &d.Handshake) // missing members stay zero
	h := &d.Handshake
	h.Headers = parameters(h.Headers, strings.ToLower)
	h.Query = parameters(h.Query, func(name string) string { return name })
	h.Address, h.Time, h.URL = clipped(h.Address), clipped(h.Time), clipped(h.URL)
	return d, true
}
