//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(processVariable) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestChaos is a short run over each transport, with seeds that draw many kinds of faults.
// make chaos runs longer.
func TestChaos(t *testing.T) {
	if why := need(); why != "" {
		t.Skip("no chaos here: ", why)
	}
	for transport, seed := range map[string]uint64{
		"ws":   1962,  // partition, failpoint (a batch after a resumed START), discovery lies, flap, kill, pause
		"quic": 19608, // rebind, loss, failpoint (WELCOME is there), delay, slow
	} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			o := options{Seed: seed, Duration: 8 * time.Second, Servers: 3, Rate: 50, Transport: transport, Dir: t.TempDir()}
			r, err := run(t.Context(), o, t.Logf)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			if len(r.Violations) > 0 {
				t.Error("to run it again: ", o.again())
				for _, log := range glob(t, o.Dir, "*.log") {
					text, _ := os.ReadFile(log)
					t.Logf("%s:\n%s", filepath.Base(log), text)
				}
			}
		})
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestCheck: the checker sees what is wrong in logs, and nothing in those that are right.
func TestCheck(t *testing.T) {
	const ms = 1000
	begin := time.UnixMicro(1_000_000)
	sound := [2][]string{
		{"U 1000000 b", "S 1200000 0 1 all", "S 1300000 0 2 volatile", "S 1400000 0 3 all", "L 1500000 b 0=b 1=b", "B 1500000 2 fetch", "Q 1510000 2 ok - - a,b", "E 9000000 <nil>"},
		{"U 1000000 a", "R 1201000 0 a 1", "R 1401000 0 a 3", "E 9000000 <nil>"},
	}
	for _, c := range []struct {
		name   string
		server int
		change func(lines []string) []string
		want   string
	}{
		{"sound", 0, func(lines []string) []string { return lines }, ""},
		{"lost", 1, func(lines []string) []string { return append(lines[:1:1], lines[2:]...) }, "resumed links lose nothing: b did not receive 1 of a"},
		{"lost while they were apart for long", 1, func(lines []string) []string {
			return append([]string{lines[0], "D 1100000 a away", "U 70000000 a", "R 70000000 0 a 3"}, lines[3])
		}, "losses are reported: b did not receive 1 to 2 of a; they report 0 and 0"},
		{"more reported than lost", 1, func(lines []string) []string { return append(lines[:3:3], "G 1402000 a in 2", lines[3]) }, "losses are reported: b did not receive 0 to 1 of a; they report 2 and 0"},
		{"lost in peace", 1, func(lines []string) []string { return append(lines[:2:2], lines[3:]...) }, "peace: b did not receive 3 of a"},
		{"twice", 1, func(lines []string) []string { return append(lines[:3:3], "R 1402000 0 a 3", lines[3]) }, "at most once: b received 3 of a"},
		{"out of order", 1, func(lines []string) []string { return append(lines[:3:3], "R 1402000 0 a 2", lines[3]) }, "order: b received 2 of a in / after 3"},
		{"not sent", 1, func(lines []string) []string { return append(lines[:3:3], "R 1402000 0 a 4", lines[3]) }, "source: b received 4 of a"},
		{"slow request", 0, func(lines []string) []string {
			return append(lines[:6:6], "Q 6600000 2 ok - - a,b", lines[7])
		}, "requests: request 2 of a has taken"},
		{"request without end", 0, func(lines []string) []string { return append(lines[:6:6], lines[7]) }, "requests: request 2 of a has not ended"},
		{"silent member", 0, func(lines []string) []string {
			return append(lines[:6:6], "Q 1510000 2 ok - - a", lines[7])
		}, "requests: request 2 of a: b has not answered, and is not named"},
		{"answered twice", 0, func(lines []string) []string {
			return append(lines[:6:6], "Q 1510000 2 ok - - a,b,b", lines[7])
		}, "requests: request 2 of a was answered twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			a := &arena{options: &options{Servers: 2}}
			for i, id := range []string{"a", "b"} {
				lines := sound[i]
				if i == c.server {
					lines = c.change(lines)
				}
				path := filepath.Join(dir, id)
				if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\nS 99"), 0o644); err != nil {
					t.Fatal(err)
				}
				a.lives = append(a.lives, life{id: id, log: path, stderr: filepath.Join(dir, "none"), host: i})
			}
			r, err := a.check(nil, begin.Add(350*ms*time.Microsecond), begin.Add(8*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(r.Violations, "\n")
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("violations: %q, want %q", got, c.want)
			}
		})
	}
}

// TestTrap: a failpoint sees what it is for, on a link as they are after a break, and
// nothing else before.
func TestTrap(t *testing.T) {
	hello, start, message, batch, sync := []byte{frameHello}, []byte{frameStart}, []byte{frameMessage}, []byte{frameBatch}, []byte{frameSync}
	first := [][][]byte{{hello}, {start}, {message, message}, {batch}}
	resumed := [][][]byte{{hello}, {sync}, {start}, {message, message}, {batch}}
	for name, want := range map[string][2]string{ // the frames that went out before it, in hexadecimal digits
		"HELLO is sent": {"00", "00"},
		"a resumed START is sent, and nothing else": {"", "000d03"},
		"the first message after a resumed START":   {"", "000d0301"},
		"the first batch after a resumed START":     {"", "000d03010107"},
		"half of what waits is sent":                {"000301", "000d0301"},
		"it leaves, and FLUSH is sent":              {"", ""},
	} {
		for i, sends := range [2][][][]byte{first, resumed} {
			sent := &sentFrames{}
			died := ""
			trap := newTrap(name)
			if trap == nil {
				t.Fatalf("there is no failpoint %q", name)
			}
			trap.kill = func() {
				if died == "" {
					died = fmt.Sprintf("%x", sent.all)
				}
			}
			w := watched{sent, trap, &link{}}
			for _, frames := range sends {
				if err := w.Send(t.Context(), frames); err != nil {
					t.Fatal(err)
				}
			}
			if died != want[i] {
				t.Errorf("%s: it died after %q, want %q", name, died, want[i])
			}
		}
	}
}

// sentFrames is a stream that keeps what is sent.
type sentFrames struct{ all []byte }

func (s *sentFrames) Send(_ context.Context, frames [][]byte) error {
	for _, f := range frames {
		s.all = append(s.all, f...)
	}
	return nil
}

func (s *sentFrames) Recv() ([]byte, error) { return nil, io.EOF }

// TestDraw: a seed fixes the faults, and all of them are drawn.
func TestDraw(t *testing.T) {
	o := &options{Servers: 5}
	drawn := map[string]int{}
	for seed := range uint64(100) {
		one, other := newSource(seed), newSource(seed)
		for range 10 {
			f, g := draw(one, o), draw(other, o)
			if fmt.Sprint(f) != fmt.Sprint(g) {
				t.Fatalf("seed %d: %v and %v", seed, f, g)
			}
			if f.a == f.b || f.last > f.kind.most+100*time.Millisecond {
				t.Errorf("seed %d: %v", seed, f)
			}
			drawn[f.kind.name]++
		}
	}
	for _, name := range kindNames() {
		if drawn[name] == 0 {
			t.Errorf("%s is not drawn", name)
		}
	}
}
