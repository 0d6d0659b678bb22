package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/ops"
)

func traceCommand(f *flags) action {
	o := declareOps(f)
	kinds := f.text("kind", "", "kinds of messages, separated by commas, as broadcast (default: all)", "MESH_TRACE_KIND")
	namespace := f.text("namespace", "", "of this namespace only (default: of all)", "MESH_TRACE_NAMESPACE")
	room := f.text("room", "", "messages that name this room only", "MESH_TRACE_ROOM")
	peer := f.text("peer", "", "messages from and to this node only, by the beginning of its id or by its address", "MESH_TRACE_PEER")
	rate := f.number("rate", 10, "messages per second that each node shows at most, 1 to 1000", "MESH_TRACE_RATE")
	limit := f.duration("for", time.Hour, "how long, at most an hour", "MESH_TRACE_FOR")
	return func(ctx context.Context, out, _ io.Writer) error {
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		query := url.Values{"rate": {strconv.Itoa(*rate)}, "for": {limit.String()}, "kind": commas.Split(*kinds)}
		for name, value := range map[string]string{"namespace": *namespace, "room": *room} {
			if value != "" {
				query.Set(name, value)
			}
		}
		if *peer != "" {
			id, err := findNode(ctx, client, *peer)
			if err != nil {
				return err
			}
			query.Set("peer", id)
		}
		var printer traceLines = &traceText{out: out}
		if *o.json {
			printer = traceJSON{out}
		}
		err = client.stream(ctx, "/api/v1/trace", query, printer.line)
		if ctx.Err() != nil {
			return nil // it was stopped by a signal
		}
		return err
	}
}

// maxTraceLine limits the memory that a line of a server can take, in bytes.
const maxTraceLine = 1 << 20

// stream requests lines of JSON, and calls take for each.
func (c *opsClient) stream(ctx context.Context, path string, query url.Values, take func(line []byte) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	patient := *c.http
	patient.Timeout = 0
	response, err := patient.Do(r)
	if err != nil {
		return c.explain(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/x-ndjson") {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxTraceLine))
		if err != nil {
			return c.explain(err)
		}
		return c.failure(response, text)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxTraceLine)
	for lines.Scan() {
		if err := take(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// traceLines print the lines of a trace.
type traceLines interface{ line(text []byte) error }

// traceJSON prints lines as they come.
type traceJSON struct{ out io.Writer }

func (t traceJSON) line(text []byte) error {
	if !json.Valid(text) {
		return fmt.Errorf("the server's answer cannot be read")
	}
	_, err := t.out.Write(append(safeJSON(bytes.TrimSpace(text)), '\n'))
	return err
}

// traceText prints lines for people. It prints the state of the trace when that changes,
// after a #.
type traceText struct {
	out  io.Writer
	told string
}

func (t *traceText) line(text []byte) error {
	var l ops.TraceLine
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if l.Message != nil {
		if err := t.message(l.Message); err != nil {
			return err
		}
	}
	if l.Status != nil {
		t.status(l.Status)
	}
	return nil
}

// message prints a line for the message, and one for each hop.
func (t *traceText) message(m *ops.TraceMessage) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %s %s", m.Time.Local().Format("15:04:05.000000"), cut(m.From, 16), m.Kind, m.Namespace)
	if m.Event != "" {
		fmt.Fprintf(&s, " %q", m.Event)
	}
	if len(m.Rooms) > 0 {
		fmt.Fprintf(&s, " to %q", m.Rooms)
		if more := m.RoomCount - len(m.Rooms); more > 0 {
			fmt.Fprintf(&s, " and %d more", more)
		}
	}
	fmt.Fprintf(&s, " %s", bytesText(float64(m.Bytes)))
	if len(m.Hops) == 0 {
		s.WriteString(", to no other server")
	}
	lines := []string{s.String()}
	for _, h := range m.Hops {
		lines = append(lines, "  "+hopText(h))
	}
	if m.MoreHops > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more servers", m.MoreHops))
	}
	_, err := fmt.Fprintln(t.out, printableLines(strings.Join(lines, "\n")))
	return err
}

func hopText(h ops.TraceHop) string {
	text := fmt.Sprintf("-> %-16s %-8s", cut(h.To, 16), cut(string(h.State), 8))
	if h.Codec != "" {
		text += fmt.Sprintf(" %s %s", h.Codec, bytesText(float64(h.Bytes)))
	}
	if h.Withheld != nil {
		text += " withheld " + microText(*h.Withheld)
	}
	if h.Queue != nil {
		text += " queue " + microText(*h.Queue)
	}
	if h.Hop != nil {
		text += fmt.Sprintf(" hop %s ±%s", microText(*h.Hop), microText(h.Accuracy))
	}
	if h.Handle != nil {
		text += " handle " + microText(*h.Handle)
	}
	return text
}

func microText(us float64) string {
	if us < 1000 {
		return fmt.Sprintf("%.0f us", us)
	}
	return millisText(us / 1000)
}

// status prints how many nodes are traced, which are not, and what is left out.
func (t *traceText) status(s *ops.TraceStatus) {
	text := "tracing " + plural(s.Nodes, "node")
	if s.Skipped > 0 {
		text += fmt.Sprintf("; %s beyond --rate", plural(int(s.Skipped), "message"))
	}
	if s.Lost > 0 {
		text += fmt.Sprintf("; %d lost, for they were too many", s.Lost)
	}
	for _, u := range s.Untraced {
		text += fmt.Sprintf("; without %s: %s", u.ID, u.Error)
	}
	if s.End != "" {
		text += "; ends: " + s.End
	}
	if text != t.told {
		t.told = text
		fmt.Fprintln(t.out, "# "+printable(text))
	}
}
