package e2e

import (
	"bytes"
	"strings"
	"sync"
)

// journal keeps what is written to it, up to a limit.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const (
	journalLimit = 4 << 20
	tailLength   = 8 << 10
)

// Write is never short: who logs is not to be disturbed.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.text.Len() < journalLimit {
		j.text.Write(b)
	}
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) tail() string {
	text := j.String()
	return text[max(0, len(text)-tailLength):]
}

// linesWith are the lines of a log that name something.
func linesWith(log, name string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, name) {
			b.WriteString(line)
		}
	}
	return b.String()
}
