package core

import (
	"log/slog"
	"sync"
	"time"
)

// quietFor is how long the same complaint is not repeated.
const quietFor = 10 * time.Second

// quiet keeps the log readable where others can provoke entries at will: of
// complaints with the same key it lets one through per quietFor.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// warn logs a warning, unless one with this key was logged just now.
func (q *quiet) warn(log *slog.Logger, key, msg string, attrs ...any) {
	if q.first(key) {
		log.Warn(msg, attrs...)
	}
}

func (q *quiet) first(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if at, ok := q.last[key]; ok && now.Sub(at) < quietFor {
		return false
	}
	if q.last == nil || len(q.last) >= 1024 {
		q.last = map[string]time.Time{}
	}
	q.last[key] = now
	return true
}
