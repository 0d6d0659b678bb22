package backlog

import (
	"sync"
	"time"
)

// The most lines of a [LogLimit], and the time for which they are.
const (
	logLines = 10
	logTime  = 10 * time.Second
)

// LogLimit keeps the log readable when very many receivers are cut at once: it lets
// ten lines through in ten seconds. The zero LogLimit is ready.
type LogLimit struct {
	mu     sync.Mutex
	since  time.Time
	lines  int
	missed int
}

// Next tells whether a line may be written, and how many have not been since the
// last one that was.
func (l *LogLimit) Next() (missed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.since) >= logTime {
		l.since, l.lines = now, 0
	}
	if l.lines == logLines {
		l.missed++
		return 0, false
	}
	l.lines++
	missed, l.missed = l.missed, 0
	return missed, true
}
