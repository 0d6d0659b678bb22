// Package loglimit keeps a log readable if peers, clients or strangers can cause entries
// at will: it lets a few entries with the same key through per period, and counts the
// others.
package loglimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The defaults of a [Limiter].
const (
	DefaultPeriod = 10 * time.Second
	DefaultBurst  = 1
	DefaultKeys   = 1024
)

// Limiter counts log entries by key. The zero value is ready to use. The fields
// must not change after the first call of Allow.
type Limiter struct {
	// Period is the time that a key's count covers. Default 10 s.
	Period time.Duration
	// Burst is the number of entries of one key per period. Default 1.
	Burst int
	// Keys is the number of keys that are counted at the same time. While so many are, an
	// entry with another key is not allowed. Default 1024.
	Keys int

	mu     sync.Mutex
	counts map[string]count
	full   time.Time // until when no key expires, if all Keys are taken
}

// count is what has happened with one key since its period began.
type count struct {
	began      time.Time
	allowed    int
	suppressed int // since the last entry that was allowed
}

// Allow reports whether an entry with this key may be logged, and how many were
// suppressed since the last one that was allowed.
func (l *Limiter) Allow(key string) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	c, known := l.counts[key]
	if !known && !l.makeSpace(now) {
		return 0, false
	}
	if !known || now.Sub(c.began) >= l.period() {
		c = count{began: now, suppressed: c.suppressed}
	}
	if c.allowed == orDefault(l.Burst, DefaultBurst) {
		c.suppressed++
		l.counts[key] = c
		return 0, false
	}
	suppressed, c.suppressed = c.suppressed, 0
	c.allowed++
	l.counts[key] = c
	return suppressed, true
}

// Log logs an entry if it is allowed. If entries with this key were suppressed before it,
// their number is added to it as "suppressed".
func (l *Limiter) Log(log *slog.Logger, level slog.Level, key, msg string, attrs ...any) {
	suppressed, ok := l.Allow(key)
	if !ok {
		return
	}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	log.Log(context.Background(), level, msg, attrs...)
}

// Forget makes the next entry with this key the first one.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, key)
}

// makeSpace reports whether one more key can be counted. If all Keys are in use, it drops
// those whose period is over, and tries again only when the next period is over: a flood
// of new keys costs one pass over the map per period.
func (l *Limiter) makeSpace(now time.Time) bool {
	if l.counts == nil {
		l.counts = make(map[string]count)
	}
	if len(l.counts) < orDefault(l.Keys, DefaultKeys) {
		return true
	}
	if now.Before(l.full) {
		return false
	}
	l.full = now.Add(l.period())
	for key, c := range l.counts {
		if end := c.began.Add(l.period()); !now.Before(end) {
			delete(l.counts, key)
		} else if end.Before(l.full) {
			l.full = end
		}
	}
	return len(l.counts) < orDefault(l.Keys, DefaultKeys)
}

func (l *Limiter) period() time.Duration { return orDefault(l.Period, DefaultPeriod) }

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}
