package main

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// readKeys returns the keys that are pressed, one byte each, until ctx ends. Without a
// terminal no keys come. restore resets the terminal.
//
// It opens the terminal by name, because a read from that file can be interrupted: so the
// reader ends with ctx, and not with the process.
func readKeys(ctx context.Context, work *sync.WaitGroup) (keys <-chan byte, restore func()) {
	nothing := func() {}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, nothing
	}
	tty, err := os.Open("/dev/tty")
	if err != nil || tty.SetReadDeadline(time.Time{}) != nil {
		return nil, nothing
	}
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		tty.Close()
		return nil, nothing
	}
	pressed := make(chan byte)
	work.Go(func() {
		var buf [1]byte
		for {
			n, err := tty.Read(buf[:])
			if err != nil {
				return // end of file, or closed
			}
			if n == 1 {
				select {
				case pressed <- buf[0]:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return pressed, func() {
		term.Restore(int(os.Stdin.Fd()), before)
		tty.Close() // ends the reader
	}
}
