package sendqueue

import (
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// Account counts what waits for a client in a queue that is not a [Queue], with the same
// limits and in the same total. The owner of that queue disconnects a client that exceeds
// them. Messages are taken in the order in which they were added. Its methods are safe for
// concurrent use and do not block.
type Account struct {
	scheduler *Scheduler
	cut       func(*backlog.Error)

	mu       sync.Mutex
	waiting  int // bytes of the messages that wait
	added    int // messages so far; taken is how many of them the client has
	taken    int
	underWay int     // bytes that are being written to the client
	large    []large // the large ones among the messages that wait
	lag      *lag    // while much waits; else nil
	counted  int64   // memory that the scheduler's sum includes
	closed   bool
}

// large is a message that does not count in full toward the total.
type large struct{ message, bytes int }

// OpenAccount opens the account of a client. If the client takes too little, cut is called
// once, on its own goroutine; the account is closed then.
func (s *Scheduler) OpenAccount(cut func(*backlog.Error)) *Account {
	return &Account{scheduler: s, cut: cut}
}

// Add notes that a message waits.
func (a *Account) Add(bytes int) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	if bytes > a.scheduler.limits.Soft || int64(bytes) > a.scheduler.total/2 {
		a.large = append(a.large, large{a.added, bytes})
	}
	a.added++
	a.waiting += bytes
	if a.count(); a.lag != nil && a.scheduler.limits.Full(a.length(), a.giant()) {
		a.fail(backlog.Full)
	}
	a.mu.Unlock()
	a.scheduler.enforceTotal()
}

// Send notes that bytes of what waits are being written.
func (a *Account) Send(bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay += bytes
}

// Take notes that the client has received messages, of so many bytes together.
func (a *Account) Take(messages, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.underWay = max(0, a.underWay-bytes)
	a.taken = min(a.taken+messages, a.added)
	for len(a.large) > 0 && a.large[0].message < a.taken {
		a.large = a.large[1:]
	}
	if a.waiting -= bytes; a.waiting <= 0 || a.taken == a.added {
		a.waiting, a.large = 0, nil
	}
	if a.lag != nil {
		a.lag.window.Took(bytes)
	}
	a.count()
}

// Close discards the account's counts.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.close()
}

func (a *Account) close() {
	a.closed = true
	a.waiting, a.added, a.taken, a.underWay, a.large = 0, 0, 0, 0, nil
	a.count()
}

// length returns what counts for the limits of one client, as [Queue] does.
func (a *Account) length() int { return a.waiting + a.messages()*(frameSize+placeSize) }

func (a *Account) messages() int { return a.added - a.taken }

func (a *Account) giant() int {
	for _, l := range a.large {
		if l.bytes > a.scheduler.limits.Soft {
			return l.bytes
		}
	}
	return 0
}

// count updates the total and the lag. As with a [Queue], an account below behindAt does
// not count.
func (a *Account) count() {
	length := a.length()
	memory, class := int64(length), lengthOf(length)
	for _, l := range a.large {
		memory -= max(0, int64(l.bytes)-a.scheduler.total/2)
	}
	if length < a.scheduler.behindAt {
		memory, class = 0, -1
	}
	a.scheduler.lags.held.Add(memory - a.counted)
	a.counted = memory
	if a.lag == nil && class >= 0 {
		a.lag = &lag{scheduler: a.scheduler, of: a, since: time.Now(), length: -1}
	}
	if a.lag != nil && a.lag.length != class {
		a.scheduler.lags.move(a.lag, class)
	}
	if class < 0 {
		a.lag = nil
	}
}

// fail closes the account of a client that is too slow.
func (a *Account) fail(reason backlog.Reason) {
	err := &backlog.Error{Reason: reason, Bytes: a.length(), Messages: a.messages()}
	if a.lag != nil {
		err.Behind = time.Since(a.lag.since)
	}
	a.scheduler.stats.cut[reason].Add(1)
	a.close()
	go a.cut(err)
}

func (a *Account) cutIfStuck(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lag != nil && a.lag.window.TooSlow(&a.scheduler.limits, a.length(), a.underWay, now) {
		a.fail(backlog.NoProgress)
	}
}

func (a *Account) cutForMemory() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lag != nil {
		a.fail(backlog.Memory)
	}
}
