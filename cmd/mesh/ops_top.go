package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/socketmesh/mesh/ops"
)

// What a terminal is told: another screen, without a cursor, and back; to the upper left;
// and to erase the rest of a line, or of the screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	goHome      = "\x1b[H"
	eraseLine   = "\x1b[K"
	eraseRest   = "\x1b[J"
)

func topCommand(f *flags) action {
	o := declareOps(f)
	interval := f.duration("interval", 2*time.Second, "time between two looks", "MESH_TOP_INTERVAL")
	once := f.boolean("once", "print one frame and stop, as where the output is no terminal", "MESH_TOP_ONCE")
	return func(ctx context.Context, out, _ io.Writer) error {
		if *interval < 100*time.Millisecond || *interval > time.Hour {
			return usageError("--interval", *interval, "100ms to 1h")
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		screen := terminal(out)
		if *once || screen == nil && !*o.json {
			return topOnce(ctx, client, o, *interval, out)
		}
		if !*o.json {
			fmt.Fprint(out, enterScreen)
			defer fmt.Fprint(out, leaveScreen)
		}
		var before *ops.Cluster
		for {
			now, answer, err := lookAtAll(ctx, client)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && before == nil:
				return err
			case *o.json && err == nil:
				out.Write(append(bytes.TrimSpace(answer), '\n'))
			case !*o.json:
				drawFrame(out, screen, before, now, err)
			}
			if now != nil {
				before = now
			}
			if !sleep(ctx, *interval) {
				return nil
			}
		}
	}
}

// terminal is the file that out is, if that is a terminal.
func terminal(out io.Writer) *os.File {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// topOnce looks twice, for rates.
func topOnce(ctx context.Context, client *opsClient, o opsFlags, interval time.Duration, out io.Writer) error {
	before, _, err := lookAtAll(ctx, client)
	if err != nil {
		return err
	}
	if !sleep(ctx, interval) {
		return nil
	}
	now, answer, err := lookAtAll(ctx, client)
	if err != nil {
		return err
	}
	if shown, err := o.show(out, answer); shown || err != nil {
		return err
	}
	return printTop(out, before, now)
}

func lookAtAll(ctx context.Context, client *opsClient) (*ops.Cluster, []byte, error) {
	var c ops.Cluster
	answer, err := client.get(ctx, "/api/v1/cluster", nil, &c)
	if err != nil {
		return nil, nil, err
	}
	return &c, answer, nil
}

// sleep waits; it reports false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drawFrame puts what is to be seen on the screen, as much as there is place for.
func drawFrame(out io.Writer, screen *os.File, before, now *ops.Cluster, err error) {
	width, height, sizeErr := term.GetSize(int(screen.Fd()))
	if sizeErr != nil {
		width, height = 80, 24
	}
	var text bytes.Buffer
	switch {
	case err != nil:
		fmt.Fprintf(&text, "%v\n\ntrying again; Ctrl-C stops\n", err)
	default:
		_ = printTop(&text, before, now)
	}
	var frame strings.Builder
	frame.WriteString(goHome)
	for i, line := range strings.Split(strings.TrimRight(text.String(), "\n"), "\n") {
		if i == height-1 {
			break
		}
		frame.WriteString(cutLine(line, width) + eraseLine + "\r\n")
	}
	frame.WriteString(eraseRest)
	io.WriteString(out, frame.String())
}

// cutLine is as much of a line as fits.
func cutLine(line string, width int) string {
	n := 0
	for i := range line {
		if n == width {
			return line[:i]
		}
		n++
	}
	return line
}

// printTop shows what each node does, from one look to the next.
func printTop(out io.Writer, before, now *ops.Cluster) error {
	state := "whole"
	if !now.Whole {
		state = "NOT WHOLE: " + plural(len(now.Problems), "problem")
	}
	sockets := 0
	for _, n := range now.Nodes {
		sockets += n.Sockets
	}
	fmt.Fprintf(out, "%s  %s, %s, %s\n\n", now.Time.Local().Format(time.TimeOnly), plural(len(now.Nodes)+len(now.References), "node"), plural(sockets, "socket"), state)
	earlier := map[string]*ops.Node{}
	if before != nil {
		for i := range before.Nodes {
			earlier[before.Nodes[i].ID] = &before.Nodes[i]
		}
	}
	err := table(out, "NODE ADDRESS READY SOCKETS ROOMS OUT/S IN/S OUT IN QUEUE RTT DROPPED LOST", func(row func(...any)) {
		for i := range now.Nodes {
			n := &now.Nodes[i]
			r := ratesOf(earlier[n.ID], n)
			row(n.ID, n.Address, readyText(n), n.Sockets, n.Rooms, r.text(r.outMessages), r.text(r.inMessages), r.bytes(r.outBytes), r.bytes(r.inBytes),
				bytesText(float64(r.queued)), millisText(r.roundTrip), n.Counters.Dropped, n.Counters.Lost)
		}
	})
	for _, p := range now.Problems {
		fmt.Fprintln(out, printable("\n"+describeProblem(p)))
	}
	return err
}

// rates are what a node does per second, and what waits.
type rates struct {
	known                                      bool
	outMessages, inMessages, outBytes, inBytes float64
	queued                                     int
	roundTrip                                  float64 // the longest of its links
}

func ratesOf(before, now *ops.Node) rates {
	var r rates
	for _, p := range now.Peers {
		r.queued += p.QueuedBytes
		r.roundTrip = max(r.roundTrip, p.RoundTrip)
	}
	if before == nil || !before.Started.Equal(now.Started) {
		return r
	}
	seconds := now.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return r
	}
	per := func(a, b uint64) float64 { return float64(b-min(a, b)) / seconds }
	b, n := before.Counters, now.Counters
	r.known = true
	r.outMessages, r.inMessages = per(b.SentMessages, n.SentMessages), per(b.ReceivedMessages, n.ReceivedMessages)
	r.outBytes, r.inBytes = per(b.SentBytes, n.SentBytes), per(b.ReceivedBytes, n.ReceivedBytes)
	return r
}

func (r rates) text(v float64) string {
	if !r.known {
		return "-"
	}
	return fmt.Sprintf("%.0f", v)
}

func (r rates) bytes(v float64) string {
	if !r.known {
		return "-"
	}
	return bytesText(v) + "/s"
}
