package coretest

import (
	"fmt"
	"sync"
)

// Ledger is what one receiver got of messages that their senders have numbered,
// each one its own, upwards in steps of one. All methods may be called at once; a
// new one is ready.
type Ledger struct {
	mu      sync.Mutex
	streams map[string]*stream
	errs    []error
}

// stream is what came of one sender: all numbers from first to last.
type stream struct{ first, last int }

// Take enters the next message of a sender.
func (l *Ledger) Take(sender string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		l.streams = map[string]*stream{}
	}
	s := l.streams[sender]
	switch {
	case s == nil:
		l.streams[sender] = &stream{n, n}
		return
	case n != s.last+1:
		l.errs = append(l.errs, fmt.Errorf("number %d of %s came after %d", n, sender, s.last))
	}
	s.last = n
}

// Got tells which numbers of a sender came; 0 and -1 if none did.
func (l *Ledger) Got(sender string) (first, last int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[sender]; s != nil {
		return s.first, s.last
	}
	return 0, -1
}

// Err names the first message that was lost, came twice or was out of order; nil
// if there is none.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w, the first of %d such", l.errs[0], len(l.errs))
}
