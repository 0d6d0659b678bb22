package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// hostile is a name that a stranger may choose.
const hostile = "<script>alert(1)</script>\x1b[2J\x1b]0;owned\x07\r\n\u202e\u009b31mred"

// seenCluster is a mesh of nodes a, b and c, so many seconds after it began.
func seenCluster(second int) *ops.Cluster {
	at := time.Unix(1000, 0).Add(time.Duration(second) * time.Second)
	c := &ops.Cluster{Time: at, Problems: []ops.Problem{{Kind: "unlinked", Node: "a", Peer: hostile, Text: hostile}}}
	for i, id := range []string{"a", "b", "c"} {
		n := ops.Node{
			ID: id, Address: "ws://" + id, Time: at, Ready: true, Sockets: (i * 7) % 3, Rooms: i,
			Clients:  &ops.Clients{WebSocket: 10 * i, Polling: i, Upgrading: i / 2, Connections: uint64(second * i)},
			Counters: ops.Counters{SentMessages: uint64(second * 100 * (3 - i))},
		}
		for j, peer := range []string{"a", "b", "c"} {
			if i != j {
				n.Peers = append(n.Peers, ops.Peer{ID: peer, Codec: "json", RoundTrip: float64(1 + i + 10*j), QueuedBytes: i * j})
			}
		}
		c.Nodes = append(c.Nodes, n)
	}
	c.Nodes[1].Address, c.Nodes[1].Peers[0].Codec = hostile, hostile
	return c
}

// shownRows are the first cells of the rows of the view, joined.
func shownRows(t *testing.T, m *topModel) string {
	t.Helper()
	var text bytes.Buffer
	if err := m.print(&text); err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, line := range strings.Split(strings.TrimSpace(text.String()), "\n")[3:] {
		cells = append(cells, strings.Fields(line)[0])
	}
	return strings.Join(cells, " ")
}

// TestTopKeys: what keys show, and in which order.
func TestTopKeys(t *testing.T) {
	var m topModel
	m.see(look{cluster: seenCluster(0)})
	m.see(look{cluster: seenCluster(2), rooms: &ops.Rooms{Rooms: []ops.Room{{Name: "x", Members: 1, Nodes: 1}, {Name: hostile, Members: 9, Nodes: 1}, {Name: "a", Members: 5, Nodes: 2}}}})
	for _, step := range []struct {
		keys, rows, help string
	}{
		{"", "a b c", "s sort (id)"},
		{"s", "b a c", "s sort (address)"}, // the hostile one is before ws://
		{"s", "c b a", "s sort (sockets)"},
		{"s", "a b c", "s sort (out)"},
		{"S", "c b a", "s sort (out, reversed)"},
		{"l", "c c b b a a", "s sort (from, reversed)"},
		{"Ss", "b c a a b c", "s sort (queue)"},
		{"r", "9 5 1", "s sort (members)"},
		{"s", "5 1 9", "s sort (nodes)"},
		{"s", "9 5 1", "s sort (name)"},
		{"n", "a b c", "s sort (out)"},
		{"x\x1b[A", "a b c", "s sort (out)"}, // nothing
	} {
		for _, key := range []byte(step.keys) {
			if m.key(key) {
				t.Fatalf("%q stops", key)
			}
		}
		if rows := shownRows(t, &m); rows != step.rows || !strings.Contains(m.help(), step.help) {
			t.Errorf("after %q: %s, want %s; %s", step.keys, rows, step.rows, m.help())
		}
	}
	for _, key := range []byte("qQ\x03\x04") {
		if !m.key(key) {
			t.Errorf("%q does not stop", key)
		}
	}
}

// TestTopNumbers: rates between two looks, and clients by transport.
func TestTopNumbers(t *testing.T) {
	var m topModel
	print := func() string {
		var text bytes.Buffer
		_ = m.print(&text)
		return text.String()
	}
	m.see(look{cluster: seenCluster(0)})
	if text := print(); !strings.Contains(text, " - ") {
		t.Errorf("rates of one look:\n%s", text)
	}
	m.see(look{cluster: seenCluster(2)})
	for range 2 { // the same answer again changes nothing
		line := strings.Split(print(), "\n")[5] // of c
		if got := strings.Join(strings.Fields(line)[3:], " "); got != "20 2 (1 up) 100 0 2 B 13 ms 2 2 2 0 B/s 0 B/s 0 0" {
			t.Errorf("c: %q", got)
		}
		m.see(look{cluster: seenCluster(2)})
	}
	m.see(look{err: errors.New("gone " + hostile)})
	var frame bytes.Buffer
	drawFrame(&frame, 80, 24, &m)
	if text := frame.String(); !strings.Contains(text, "gone") || !strings.Contains(text, "ws://c") {
		t.Errorf("after a look that failed: %q", text)
	}
}

// TestTopIsSafe: a terminal gets nothing from strangers that it would act upon, and no more
// than it has place for.
func TestTopIsSafe(t *testing.T) {
	var m topModel
	m.see(look{cluster: seenCluster(0), rooms: &ops.Rooms{Rooms: []ops.Room{{Namespace: hostile, Name: hostile}}}})
	for view := range viewCount {
		for _, failed := range []error{nil, errors.New(hostile)} {
			m.view, m.err = view, failed
			for _, size := range [][2]int{{80, 24}, {200, 50}, {1, 1}, {0, 0}} {
				var frame bytes.Buffer
				drawFrame(&frame, size[0], size[1], &m)
				text := frame.String()
				for _, ours := range []string{goHome, eraseLine, eraseRest, "\r\n"} {
					text = strings.ReplaceAll(text, ours, "\n")
				}
				if strings.ContainsAny(text, "\x1b\x07\r\u202e\u009b") {
					t.Errorf("view %d: %q", view, text)
				}
				if lines := strings.Count(frame.String(), "\r\n") + 1; lines > max(size[1], 1) {
					t.Errorf("view %d: %d lines in %d", view, lines, size[1])
				}
			}
		}
	}
	var out bytes.Buffer
	if err := errors.Join(printProblems(&out, m.now, ""), printNodes(&out, m.now, true)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\r\u202e\u009b") || strings.Contains(out.String(), "\uFFFDunlinked") {
		t.Errorf("mesh nodes: %q", out.String())
	}
}

// TestTopOnce: a frame with rates where the output is no terminal, and a line of JSON for
// each look.
func TestTopOnce(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--ops-listen", "127.0.0.1:0", "--log-level", "error")
	page := "http://" + after(out.find("server "), "http://")
	url := "http://" + after(out.find("operators "), "http://")
	dial(t, page)
	text, why, code := operate(t, "top", "--url", url, "--interval", "600ms")
	if code != exitOK || !strings.Contains(text, "NOT WHOLE: 1 problem") || strings.Contains(text, "\x1b") || !strings.Contains(text, "POLLING") {
		t.Errorf("exit code %d\n%s%s", code, text, why)
	}
	if fields := strings.Fields(strings.Split(text, "\n")[3]); len(fields) < 5 || fields[3] != "1" || fields[4] != "0" {
		t.Errorf("one client, by WebSocket: %q", text)
	}
	lines, stop := background(t, "top", "--url", url, "--interval", "600ms", "--json")
	for range 2 {
		if line := lines.find("{"); !strings.Contains(line, `"clients":{"websocket":1,"polling":0,"upgrading":0,"other":0,"connections":1,"disconnections":0,`) {
			t.Errorf("%s", line)
		}
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, why, code := operate(t, "top", "--url", "http://127.0.0.1:1"); code != exitFailed || !strings.Contains(why, "there is no server") {
		t.Errorf("without a server: %d %s", code, why)
	}
	if _, why, code := operate(t, "top", "--interval", "1ms"); code != exitUsage {
		t.Errorf("too often: %d %s", code, why)
	}
}
