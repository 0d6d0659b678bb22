package compat

import (
	"compress/flate"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// raw is a client of bare engine.io requests. What it gets, it writes down.
type raw struct {
	*stage
	*notes
	http   *http.Client
	secure *tls.Config
	header http.Header // of each request
	sid    string      // from the OPEN packet
}

// raw makes such a client. It follows no redirects and decodes nothing.
func (s *stage) raw(title string) *raw {
	r := &raw{stage: s, notes: s.notes("raw " + title), secure: &tls.Config{InsecureSkipVerify: true}, header: http.Header{}}
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: r.secure}
	r.http = &http.Client{Transport: transport, Timeout: patience}
	s.Cleanup(transport.CloseIdleConnections)
	return r
}

func (r *raw) transcript() string { return r.notes.transcript() }

// shownHeaders are those of answers that clients act on.
var shownHeaders = []string{"Content-Type", "Content-Encoding", "Set-Cookie", "Vary", "Cache-Control", "Allow", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol"}

// get asks for /socket.io/?query, and writes the answer down.
func (r *raw) get(query string) string { return r.request(http.MethodGet, query, "") }

func (r *raw) post(query, body string) string { return r.request(http.MethodPost, query, body) }

// request does the same with any method. It returns the body.
func (r *raw) request(method, query, body string) string {
	r.Helper()
	request, err := http.NewRequest(method, r.url+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	maps.Copy(request.Header, r.header)
	response, err := r.http.Do(request)
	if err != nil {
		r.add("%s %s: no answer", method, r.hide(query))
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(decoded(response))
	if err != nil {
		r.add("%s %s: the answer breaks off: %v", method, r.hide(query), err)
	}
	r.add("%s %s -> %d %s", method, r.hide(query), response.StatusCode, show(string(text)))
	r.addHeaders(response.Header)
	r.take(string(text))
	return string(text)
}

// hide keeps the session out of the transcript.
func (r *raw) hide(query string) string {
	if r.sid == "" {
		return query
	}
	return strings.ReplaceAll(query, r.sid, "<id>")
}

func (r *raw) addHeaders(header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if slices.Contains(shownHeaders, name) || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "X-") {
			values := header[name]
			if name == "Vary" { // which the library makes of a map
				values = strings.Split(strings.Join(values, ", "), ", ")
				slices.Sort(values)
			}
			r.add("  %s: %s", name, strings.Join(values, " | "))
		}
	}
}

// take looks for the session in an OPEN packet, and waits until the server listens
// to it.
func (r *raw) take(text string) {
	if sid := sessionIn(text); sid != "" && r.sid == "" {
		r.sid = sid
		r.awaitHeard(sid)
	}
}

// sessionIn is the session's id in an OPEN packet; "" if text is none.
func sessionIn(text string) string {
	var open struct{ Sid, Upgrades any }
	begin, end := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if begin < 1 || end < begin || json.Unmarshal([]byte(text[begin:end+1]), &open) != nil || open.Upgrades == nil {
		return ""
	}
	sid, _ := open.Sid.(string)
	return sid
}

func decoded(response *http.Response) io.Reader {
	switch response.Header.Get("Content-Encoding") {
	case "gzip":
		if r, err := gzip.NewReader(response.Body); err == nil {
			return r
		}
	case "deflate":
		return flate.NewReader(response.Body)
	}
	return response.Body
}

// rawSocket is a WebSocket of a raw client.
type rawSocket struct {
	*raw
	conn *websocket.Conn
}

// dial opens a WebSocket, or writes down why it cannot; it is nil then.
func (r *raw) dial(query string) *rawSocket {
	r.Helper()
	dialer := websocket.Dialer{TLSClientConfig: r.secure, HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(strings.Replace(r.url, "http", "ws", 1)+"/socket.io/?"+query, r.header)
	if err != nil {
		if response == nil {
			r.add("WebSocket %s: no answer", r.hide(query))
			return nil
		}
		text, _ := io.ReadAll(response.Body)
		r.add("WebSocket %s -> %d %s", r.hide(query), response.StatusCode, show(string(text)))
		r.addHeaders(response.Header)
		return nil
	}
	r.add("WebSocket %s -> %d", r.hide(query), response.StatusCode)
	r.addHeaders(response.Header)
	r.Cleanup(func() { conn.Close() })
	return &rawSocket{raw: r, conn: conn}
}

// read writes the next frame down, or how the connection has ended. It returns a
// text.
func (w *rawSocket) read() string {
	w.Helper()
	w.conn.SetReadDeadline(time.Now().Add(patience))
	kind, data, err := w.conn.ReadMessage()
	switch {
	case err != nil:
		w.add("ended: %s", ending(err))
	case kind == websocket.BinaryMessage:
		w.add("< %s", show(data))
	default:
		w.add("< %s", show(string(data)))
		w.take(string(data))
		return string(data)
	}
	return ""
}

// ending says how a connection has ended, as far as a browser could tell.
func ending(err error) string {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Error()
	}
	return "without a close frame"
}

func (w *rawSocket) send(text string) {
	w.Helper()
	w.add("> %s", show(text))
	if err := w.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		w.add("cannot be sent")
	}
}

func (w *rawSocket) sendBinary(data []byte) {
	w.Helper()
	w.add("> %s", show(data))
	if err := w.conn.WriteMessage(websocket.BinaryMessage, data); err != nil {
		w.add("cannot be sent")
	}
}

// poll asks until a packet has come. The answers are not written down one by one:
// how packets share them is a matter of time.
func (r *raw) poll(query, packet string) {
	r.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		text, status := r.fetch(query)
		r.take(text)
		if strings.Contains(text, packet) {
			r.add("polled until %s", packet)
			return
		}
		if status != http.StatusOK {
			r.add("polled until %d %s in place of %s", status, show(text), packet)
			return
		}
	}
	r.Fatalf("%s has not come", packet)
}

// fetch gets an answer without writing it down. It ends with the test.
func (r *raw) fetch(query string) (text string, status int) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.url+"/socket.io/?"+query, nil)
	if err != nil {
		return err.Error(), 0
	}
	response, err := r.http.Do(request)
	if err != nil {
		return err.Error(), 0
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error(), 0
	}
	return string(body), response.StatusCode
}

// hang asks beside the test. The function it returns waits for the answer, and
// writes it down.
func (r *raw) hang(query string) func() {
	r.Helper()
	type result struct {
		text   string
		status int
	}
	got := make(chan result, 1)
	r.background(func() {
		text, status := r.fetch(query)
		got <- result{text, status}
	})
	return func() {
		r.Helper()
		select {
		case g := <-got:
			r.add("the request that waits -> %d %s", g.status, show(g.text))
		case <-time.After(patience):
			r.Fatal("the request that waits is not answered")
		}
	}
}

// open4 opens a WebSocket in version 4, and enters the main namespace.
func (r *raw) open4() *rawSocket {
	r.Helper()
	w := r.dial("EIO=4&transport=websocket")
	w.read()
	w.send("40")
	w.read()
	w.read() // ready
	return w
}

// sendAll sends packets that are separated by "|"; "b" behind the first one stands
// for some bytes.
func (w *rawSocket) sendAll(packets string) {
	w.Helper()
	for i, packet := range strings.Split(packets, "|") {
		switch {
		case i > 0 && packet == "b":
			w.sendBinary([]byte{1, 2})
		case i > 0 || packet != "" || !strings.Contains(packets, "|"):
			w.send(packet)
		}
	}
}

// tryDial opens a WebSocket that the server closes at once, if it lets it in at all.
func (r *raw) tryDial(query string) {
	r.Helper()
	w := r.dial(query)
	if w == nil {
		return
	}
	if text := w.readWithin(patience); text != "" {
		w.add("< %s", show(text))
		return
	}
	w.add("ended at once")
}

// quietly is the same client, of which nothing is written down.
func (r *raw) quietly() *raw {
	quiet := *r
	quiet.notes = &notes{changed: make(chan struct{})}
	quiet.sid = "any"
	return &quiet
}

// readWithin returns the next text, "" if there is none in time.
func (w *rawSocket) readWithin(d time.Duration) string {
	w.conn.SetReadDeadline(time.Now().Add(d))
	_, data, err := w.conn.ReadMessage()
	if err != nil {
		return ""
	}
	return string(data)
}
