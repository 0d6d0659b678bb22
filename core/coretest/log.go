package coretest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Log keeps what is logged. All methods are safe for concurrent use; the zero value is
// ready.
type Log struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written chan struct{} // closed at the next Write; nil if no goroutine waits for it
}

// Logger returns a logger that writes to l, as text, including the debug level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.buf.Write(p)
}

// String returns everything that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Count counts the lines of a level, such as "WARN", that contain a text.
func (l *Log) Count(level, text string) int {
	return count(l.String(), level, text)
}

// Await waits until a line of a level, such as "WARN", contains a text, and reports
// whether one does within this time. Lines that were logged before count.
func (l *Log) Await(level, text string, within time.Duration) bool {
	deadline := time.After(within)
	for {
		l.mu.Lock()
		if l.written == nil {
			l.written = make(chan struct{})
		}
		lines, written := l.buf.String(), l.written
		l.mu.Unlock()
		if count(lines, level, text) > 0 {
			return true
		}
		select {
		case <-written:
		case <-deadline:
			return false
		}
	}
}

func count(lines, level, text string) int {
	n := 0
	for line := range strings.Lines(lines) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			n++
		}
	}
	return n
}
