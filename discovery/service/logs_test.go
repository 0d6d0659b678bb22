package service

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// logRecord keeps the lines of a logger.
type logRecord struct {
	mu    sync.Mutex
	lines []string // level and message
}

func (b *logRecord) logger() *slog.Logger { return slog.New(bookHandler{b}) }

// count is how many lines of this level or above contain text.
func (b *logRecord) count(level slog.Level, text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, line := range b.lines {
		var have slog.Level
		name, message, _ := strings.Cut(line, " ")
		if have.UnmarshalText([]byte(name)) == nil && have >= level && strings.Contains(message, text) {
			n++
		}
	}
	return n
}

type bookHandler struct{ book *logRecord }

func (h bookHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h bookHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h bookHandler) WithGroup(string) slog.Handler            { return h }
func (h bookHandler) Handle(_ context.Context, r slog.Record) error {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	h.book.lines = append(h.book.lines, r.Level.String()+" "+r.Message)
	return nil
}
