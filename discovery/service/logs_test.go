package service

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// logRecord keeps the lines of a logger.
type logRecord struct {
	mu    sync.Mutex
	lines []string // level, message and attributes, as level message key=value
}

func (b *logRecord) logger() *slog.Logger { return slog.New(bookHandler{b}) }

// count is how many lines of this level or above contain text.
func (b *logRecord) count(level slog.Level, text string) int { return len(b.find(level, text)) }

// find returns the lines of this level or above that contain text.
func (b *logRecord) find(level slog.Level, text string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		var have slog.Level
		name, rest, _ := strings.Cut(line, " ")
		if have.UnmarshalText([]byte(name)) == nil && have >= level && strings.Contains(rest, text) {
			found = append(found, line)
		}
	}
	return found
}

type bookHandler struct{ book *logRecord }

func (h bookHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h bookHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h bookHandler) WithGroup(string) slog.Handler            { return h }
func (h bookHandler) Handle(_ context.Context, r slog.Record) error {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	h.book.lines = append(h.book.lines, line)
	return nil
}

// TestLogs: client and service log to slog.Default() if they are given no logger, and
// nowhere with slog.DiscardHandler.
func TestLogs(t *testing.T) {
	for name, logger := range map[string]*slog.Logger{"nothing is said": nil, "discarded": slog.New(slog.DiscardHandler)} {
		t.Run(name, func(t *testing.T) {
			book, before := new(logRecord), slog.Default()
			slog.SetDefault(book.logger())
			defer slog.SetDefault(before)
			inBubble(t, ServerOptions{Logger: logger}, func(t *testing.T, s *Server, p *pipes) {
				client := runClient(t, p, ClientOptions{Logger: logger}, a)
				client.wantRoster(t, a)
				shutdown(t, s)
				time.Sleep(time.Second)
			})
			for _, want := range []string{"registered with discovery", "node registered", "out of reach"} {
				if logged := book.count(slog.LevelInfo, want) > 0; logged != (logger == nil) {
					t.Errorf("%q in slog.Default(): %v", want, logged)
				}
			}
			if logger != nil && book.count(slog.LevelDebug, "") > 0 {
				t.Errorf("slog.Default() gets %q", book.find(slog.LevelDebug, ""))
			}
		})
	}
}
