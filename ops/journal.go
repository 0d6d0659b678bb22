package ops

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Journal keeps the last lines that a node has logged, for the event log of the admin
// page: peers that come and go, links that resume, gaps, drains, warnings. It costs
// nothing while nothing is logged. All methods are safe for concurrent use.
type Journal struct {
	mu    sync.Mutex
	lines []Event // a ring buffer once it is full
	last  uint64  // Seq of the latest line
}

// Event is one line of a node's log.
type Event struct {
	Seq   uint64      `json:"seq"`             // number of the line on this node: 1, 2, …
	Time  int64       `json:"at"`              // ms since 1970
	Level string      `json:"level"`           // "info", "warn" or "error"
	Text  string      `json:"text"`            // the log message, which is constant for a kind of event
	Attrs [][2]string `json:"attrs,omitempty"` // keys and values, in order
}

// The limits of a [Journal].
const (
	journalLines = 256
	journalAttrs = 12 // per line
)

// NewJournal returns an empty Journal.
func NewJournal() *Journal { return &Journal{} }

// Around returns a handler that passes lines on to next if next is enabled for them, and
// keeps lines of level Info and above in any case.
func (j *Journal) Around(next slog.Handler) slog.Handler {
	return &journalHandler{journal: j, next: next}
}

// since returns the latest lines after seq, at most most, and the Seq of the latest line.
func (j *Journal) since(seq uint64, most int) (lines []Event, last uint64) {
	if j == nil {
		return nil, 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq > j.last {
		seq = 0 // seq is from before the node's restart
	}
	count := min(j.last-seq, uint64(len(j.lines)), uint64(most))
	for at := j.last - count; at < j.last; at++ {
		lines = append(lines, j.lines[at%journalLines])
	}
	return lines, j.last
}

func (j *Journal) add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq = j.last + 1
	if len(j.lines) < journalLines {
		j.lines = append(j.lines, e)
	} else {
		j.lines[j.last%journalLines] = e
	}
	j.last++
}

// journalHandler is a [slog.Handler] in front of another one.
type journalHandler struct {
	journal *Journal
	next    slog.Handler
	attrs   [][2]string // of With
	prefix  string      // of groups
}

func (h *journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		h.journal.add(h.event(r))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// event returns the line without a stack, which is only for the log.
func (h *journalHandler) event(r slog.Record) Event {
	e := Event{Time: r.Time.UnixMilli(), Level: levelName(r.Level), Text: shown(r.Message), Attrs: slices.Clip(h.attrs)}
	r.Attrs(func(a slog.Attr) bool {
		e.Attrs = appendAttr(e.Attrs, h.prefix, a)
		return len(e.Attrs) < journalAttrs
	})
	return e
}

func appendAttr(attrs [][2]string, prefix string, a slog.Attr) [][2]string {
	value := a.Value.Resolve()
	switch {
	case len(attrs) >= journalAttrs || a.Key == "stack" || a.Equal(slog.Attr{}):
	case value.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range value.Group() {
			attrs = appendAttr(attrs, prefix, inner)
		}
	case value.Kind() == slog.KindTime:
		attrs = append(attrs, [2]string{shown(prefix + a.Key), value.Time().UTC().Format(time.RFC3339)})
	default:
		attrs = append(attrs, [2]string{shown(prefix + a.Key), shown(value.String())})
	}
	return attrs
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next, with.attrs = h.next.WithAttrs(attrs), slices.Clip(h.attrs)
	for _, a := range attrs {
		with.attrs = appendAttr(with.attrs, h.prefix, a)
	}
	return &with
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	if name != "" {
		with.prefix += name + "."
	}
	return &with
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	}
	return "info"
}
