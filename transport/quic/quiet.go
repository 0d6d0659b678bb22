package quic

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quietFor is how long the same complaint is not repeated.
const quietFor = 10 * time.Second

// quiet keeps the log readable where strangers can provoke entries at will: of
// complaints of the same kind it lets one through per quietFor, with the number of
// those that it did not. Kinds are few.
type quiet struct {
	mu    sync.Mutex
	kinds map[string]*complaints
}

type complaints struct {
	last   time.Time
	unsaid int
}

// log logs, unless something of this kind was logged just now.
func (q *quiet) log(log *slog.Logger, level slog.Level, kind, msg string, attrs ...any) {
	unsaid, first := q.count(kind)
	if !first {
		return
	}
	if unsaid > 0 {
		attrs = append(attrs, "unsaid", unsaid)
	}
	log.Log(context.Background(), level, msg, attrs...)
}

// count tells whether to complain, and how often nobody did since the last time.
func (q *quiet) count(kind string) (unsaid int, first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.kinds == nil {
		q.kinds = map[string]*complaints{}
	}
	c := q.kinds[kind]
	if c == nil {
		c = &complaints{}
		q.kinds[kind] = c
	}
	if now := time.Now(); c.last.IsZero() || now.Sub(c.last) >= quietFor {
		unsaid, c.unsaid, c.last = c.unsaid, 0, now
		return unsaid, true
	}
	c.unsaid++
	return 0, false
}
