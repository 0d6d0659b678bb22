package coretest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log keeps what is logged. All methods may be called at once; a new one is ready.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Logger logs to l, as text, debug level included.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Count counts the lines of a level, as "WARN", that contain a text.
func (l *Log) Count(level, text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			n++
		}
	}
	return n
}
