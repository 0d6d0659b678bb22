package cluster

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// serialQueue hands items to one function: in order, one at a time, from a goroutine
// of its own, which lives only as long as there are items. Whoever adds need not
// wait for the function, so it may block; what waits is bounded by those who add
// and then wait for capacity.
type serialQueue[T any] struct {
	limit  int // bytes that may wait or be in hand
	handle func(T)
	owner  *workers
	loop   func() // run, bound once
	died   func() // called when a temporary queue has died; may be nil

	dead    atomic.Bool // takes nothing more; written under mu
	waiting atomic.Bool // somebody waits for free

	mu        sync.Mutex
	free      chan struct{} // closed when there is capacity again; nil if nobody waits for that
	items     []queued[T]
	spare     []queued[T] // empty: for items, when they are taken
	held      int         // items that wait or are in hand
	bytes     int         // their size
	running   bool        // the goroutine is there
	temporary bool        // dies when empty
}

type queued[T any] struct {
	value T
	size  int
}

// maxSpare is the number of items that an idle queue keeps memory for, twice.
const maxSpare = 256

func newSerialQueue[T any](limit int, owner *workers, handle func(T)) *serialQueue[T] {
	b := &serialQueue[T]{limit: limit, handle: handle, owner: owner}
	b.loop = b.run
	return b
}

// add puts in an item that holds size bytes. It never blocks, and reports false
// if the queue is dead.
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

// idle tells whether everything in it has been handled.
func (b *serialQueue[T]) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.running
}

// capacity returns nil, unless the queue holds more than its limit and that is not a
// single item: then a channel that is closed when it holds half of the limit, or
// somebody calls release, or it dies.
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

// release lets all go who wait for capacity.
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

// unbound takes the limit away.
func (b *serialQueue[T]) unbound() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = math.MaxInt
	b.letGo()
}

// keep says whether the queue stays when it is empty. It reports whether it
// lives.
func (b *serialQueue[T]) keep(stay bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.temporary = !stay
	if b.temporary && !b.running {
		b.dead.Store(true)
	}
	return !b.dead.Load()
}

// kill throws away what waits. What is in hand goes on.
func (b *serialQueue[T]) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead.Store(true)
	b.items = nil
	b.letGo()
}

// handlerStack is how much of its stack the goroutine may need, in bytes.
const handlerStack = 8 << 10

// growStack makes the stack large enough while there is little on it to copy. It would
// grow step by step in the middle of the first message else, which takes longer than all
// that is done with one.
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
		items, bytes := 0, 0 // done, and not yet given back
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

// take swaps the batch that is done for what waits; nothing ends the goroutine.
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

// emptied keeps the memory of a slice for later, if it is not too much.
func emptied[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	return s[:0]
}

// giveBack makes capacity.
func (b *serialQueue[T]) giveBack(items, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= items
	b.bytes -= bytes
	if b.bytes <= b.limit/2 || b.held <= 1 {
		b.letGo()
	}
}
