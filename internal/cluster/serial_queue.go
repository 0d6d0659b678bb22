package cluster

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// serialQueue passes items to one function: in order, one at a time, on its own
// goroutine, which lives only while there are items. add does not wait for the function,
// so the function may block. The queue is bounded only if those who add wait for
// capacity.
type serialQueue[T any] struct {
	limit  int // bytes of the items that wait or are being handled
	handle func(T)
	owner  *workers
	loop   func() // the method run as a value, made once
	died   func() // called when a temporary queue has died; may be nil

	dead    atomic.Bool // takes no more items; written under mu
	waiting atomic.Bool // free is not nil

	mu        sync.Mutex
	free      chan struct{} // closed when there is capacity again; nil if no goroutine waits for it
	items     []queued[T]
	spare     []queued[T] // empty: reused for items
	held      int         // items that wait or are being handled
	bytes     int         // their size
	running   bool        // the goroutine is running
	temporary bool        // dies when it is empty
}

type queued[T any] struct {
	value T
	size  int
}

// maxSpare is the number of items for which an idle queue keeps memory, in each of two
// slices.
const maxSpare = 256

func newSerialQueue[T any](limit int, owner *workers, handle func(T)) *serialQueue[T] {
	b := &serialQueue[T]{limit: limit, handle: handle, owner: owner}
	b.loop = b.run
	return b
}

// add adds an item of size bytes. It never blocks, and reports false if the queue is
// dead.
func (b *serialQueue[T]) add(item T, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead.Load() {
		return false
	}
	b.items = append(b.items, queued[T]{item, size})
	b.held++
	b.bytes += size
	if !b.running {
		b.running = true
		b.owner.enter()
		go b.loop()
	}
	return true
}

// idle reports whether all items have been handled.
func (b *serialQueue[T]) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.running
}

// capacity returns nil if the queue is within its limit, or holds a single item.
// Otherwise it returns a channel that is closed when the queue has shrunk to half of the
// limit, when it dies, or when release is called.
func (b *serialQueue[T]) capacity() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes <= b.limit || b.held <= 1 || b.dead.Load() {
		return nil
	}
	if b.free == nil {
		b.free = make(chan struct{})
		b.waiting.Store(true)
	}
	return b.free
}

// release releases all goroutines that wait for capacity.
func (b *serialQueue[T]) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letGo()
}

// letGo is release for callers that hold mu.
func (b *serialQueue[T]) letGo() {
	if b.free != nil {
		close(b.free)
		b.free = nil
		b.waiting.Store(false)
	}
}

// unbound removes the limit.
func (b *serialQueue[T]) unbound() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = math.MaxInt
	b.letGo()
}

// keep sets whether the queue stays alive when it is empty. It reports whether it is
// alive.
func (b *serialQueue[T]) keep(stay bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.temporary = !stay
	if b.temporary && !b.running {
		b.dead.Store(true)
	}
	return !b.dead.Load()
}

// kill drops the items that wait. Items that are being handled are finished.
func (b *serialQueue[T]) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead.Store(true)
	b.items = nil
	b.letGo()
}

// handlerStack is how much stack the goroutine may need, in bytes.
const handlerStack = 8 << 10

// growStack makes the goroutine's stack large enough while there is little on it to copy.
// Otherwise it would grow step by step while the first message is handled, which takes
// longer than handling a message.
//
//go:noinline
func growStack() {
	var stack [handlerStack]byte
	runtime.KeepAlive(&stack)
}

func (b *serialQueue[T]) run() {
	defer b.owner.exit()
	growStack()
	var batch []queued[T]
	for {
		if batch = b.take(batch); len(batch) == 0 {
			return
		}
		items, bytes := 0, 0 // handled, and not yet subtracted
		for _, p := range batch {
			if b.dead.Load() {
				break
			}
			b.handle(p.value)
			items++
			bytes += p.size
			if b.waiting.Load() {
				b.giveBack(items, bytes)
				items, bytes = 0, 0
			}
		}
		b.giveBack(items, bytes)
	}
}

// take exchanges the finished batch for the items that wait; if there are none, it
// returns nil and the goroutine ends.
func (b *serialQueue[T]) take(done []queued[T]) []queued[T] {
	clear(done)
	b.mu.Lock()
	if done == nil {
		done, b.spare = b.spare, nil
	}
	batch := b.items
	if len(batch) > 0 {
		b.items = done[:0]
		b.mu.Unlock()
		return batch
	}
	b.items, b.spare = emptied(b.items), emptied(done)
	b.running = false
	dies := b.temporary && !b.dead.Load()
	if dies {
		b.dead.Store(true)
	}
	b.mu.Unlock()
	if dies && b.died != nil {
		b.died()
	}
	return nil
}

// emptied empties a slice and keeps its memory, unless it is too large.
func emptied[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	return s[:0]
}

// giveBack subtracts items that were handled, and signals capacity.
func (b *serialQueue[T]) giveBack(items, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= items
	b.bytes -= bytes
	if b.bytes <= b.limit/2 || b.held <= 1 {
		b.letGo()
	}
}
