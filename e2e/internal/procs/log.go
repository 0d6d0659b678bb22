package procs

import (
	"bytes"
	"sync"
)

// Log keeps what is written to it, up to a limit.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const (
	logLimit   = 4 << 20
	tailLength = 8 << 10
)

// Write is never short: who logs is not to be disturbed.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() < logLimit {
		l.text.Write(b)
	}
	return len(b), nil
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Tail is the end of it.
func (l *Log) Tail() string {
	text := l.String()
	return text[max(0, len(text)-tailLength):]
}
