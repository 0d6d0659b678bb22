package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/ops"
)

// Sequences for a terminal: to another screen without a cursor, and back; to the upper left
// corner; and to erase the rest of a line, or of the screen.
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
		switch {
		case *once || screen == nil && !*o.json:
			return topOnce(ctx, client, o, *interval, out)
		case *o.json:
			return topJSON(ctx, client, *interval, out)
		}
		return topLive(ctx, client, *interval, screen)
	}
}

// terminal returns the file that out is, if it is a terminal.
func terminal(out io.Writer) *os.File {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// topOnce looks twice, to have rates, and prints the result.
func topOnce(ctx context.Context, client *opsClient, o opsFlags, interval time.Duration, out io.Writer) error {
	var top topModel
	first := lookAtAll(ctx, client, 0)
	if first.err != nil {
		return first.err
	}
	top.see(first)
	if !backoff.Sleep(ctx, interval) {
		return nil
	}
	second := lookAtAll(ctx, client, 0)
	if second.err != nil {
		return second.err
	}
	if shown, err := o.show(out, second.answer); shown || err != nil {
		return err
	}
	top.see(second)
	if err := top.print(out); err != nil {
		return err
	}
	return printProblems(out, top.now, "")
}

// topJSON prints a line for each look. Looks that fail after the first are left out.
func topJSON(ctx context.Context, client *opsClient, interval time.Duration, out io.Writer) error {
	for began := false; ; began = true {
		seen := lookAtAll(ctx, client, 0)
		switch {
		case ctx.Err() != nil:
			return nil
		case seen.err == nil:
			if _, err := out.Write(append(safeJSON(bytes.TrimSpace(seen.answer)), '\n')); err != nil {
				return err
			}
		case !began:
			return seen.err
		}
		if !backoff.Sleep(ctx, interval) {
			return nil
		}
	}
}

// topLive looks repeatedly, and handles keys, until a key stops it.
func topLive(ctx context.Context, client *opsClient, interval time.Duration, screen *os.File) error {
	var top topModel
	first := lookAtAll(ctx, client, 0)
	if ctx.Err() != nil {
		return nil
	}
	if first.err != nil {
		return first.err
	}
	top.see(first)

	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys, restore := readKeys(ctx, &work)
	defer restore()
	top.keyless = keys == nil
	fmt.Fprint(screen, enterScreen)
	defer fmt.Fprint(screen, leaveScreen)

	looks := make(chan look, 1)
	looking := false
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		width, height, err := term.GetSize(int(screen.Fd()))
		if err != nil {
			width, height = 80, 24
		}
		drawFrame(screen, width, height, &top)
		again := false
		select {
		case <-ctx.Done():
			return nil
		case key := <-keys:
			if top.key(key) {
				return nil
			}
			again = top.view == viewRooms && top.rooms == nil
		case seen := <-looks:
			looking = false
			top.see(seen)
		case <-ticker.C:
			again = true
		}
		if again && !looking {
			looking = true
			rooms := 0
			if top.view == viewRooms {
				rooms = max(1, min(height, 1000))
			}
			work.Go(func() { looks <- lookAtAll(ctx, client, rooms) })
		}
	}
}

// look is the state of the mesh at one moment.
type look struct {
	cluster *ops.Cluster
	rooms   *ops.Rooms // nil if they were not requested
	answer  []byte     // the answer about the cluster, undecoded
	err     error
}

// lookAtAll requests the state of all nodes, and so many of the largest rooms.
func lookAtAll(ctx context.Context, client *opsClient, rooms int) (seen look) {
	seen.cluster = &ops.Cluster{}
	if seen.answer, seen.err = client.get(ctx, "/api/v1/cluster", nil, seen.cluster); seen.err != nil || rooms == 0 {
		return seen
	}
	seen.rooms = &ops.Rooms{}
	_, seen.err = client.get(ctx, "/api/v1/rooms", url.Values{"limit": {strconv.Itoa(rooms)}}, seen.rooms)
	return seen
}

// drawFrame draws the view on the screen, as much as fits, with the keys in the last line.
func drawFrame(out io.Writer, width, height int, top *topModel) {
	var text bytes.Buffer
	if top.err != nil {
		fmt.Fprintf(&text, "%s\ntrying again\n\n", printable(top.err.Error()))
	}
	_ = top.print(&text) // writing to a buffer cannot fail
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	lines = lines[:min(len(lines), max(height-1, 0))]
	var frame strings.Builder
	frame.WriteString(goHome)
	for _, line := range lines {
		frame.WriteString(cutLine(line, width) + eraseLine + "\r\n")
	}
	frame.WriteString(cutLine(top.help(), width) + eraseLine + eraseRest)
	io.WriteString(out, frame.String())
}

// cutLine shortens a line to the width.
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
