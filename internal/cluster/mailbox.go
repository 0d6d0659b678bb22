package cluster

import (
	"math"
	"sync"
	"sync/atomic"
)

// mailbox hands items to one function: in order, one at a time, from a goroutine
// of its own, which lives only as long as there are items. Whoever adds need not
// wait for the function, so it may block; what waits is bounded by those who add
// and then call pace.
type mailbox[T any] struct {
	limit  int // bytes that may wait or be in hand
	handle func(T)
	owner  *workers
	loop   func() // run, bound once
	died   func() // called when a temporary mailbox has died; may be nil

	dead   atomic.Bool  // takes nothing more; written under mu
	pacing atomic.Int32 // callers of pace that wait

	mu        sync.Mutex
	room      sync.Cond
	items     []parcel[T]
	spare     []parcel[T] // empty: for items, when they are taken
	held      int         // items that wait or are in hand
	bytes     int         // their size
	running   bool        // the goroutine is there
	temporary bool        // dies when empty
	freed     int         // how often everybody was let go
}

type parcel[T any] struct {
	item T
	size int
}

// maxSpare is the number of items that an idle mailbox keeps room for, twice.
const maxSpare = 256

func newMailbox[T any](limit int, owner *workers, handle func(T)) *mailbox[T] {
	b := &mailbox[T]{limit: limit, handle: handle, owner: owner}
	b.room.L = &b.mu
	b.loop = b.run
	return b
}

// add puts in an item that holds size bytes. It never blocks, and reports false
// if the mailbox is dead.
func (b *mailbox[T]) add(item T, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead.Load() {
		return false
	}
	b.items = append(b.items, parcel[T]{item, size})
	b.held++
	b.bytes += size
	if !b.running {
		b.running = true
		b.owner.enter()
		go b.loop()
	}
	return true
}

// pace blocks while the mailbox holds more than its limit, unless that is a
// single item, until free is called or it dies.
func (b *mailbox[T]) pace() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pacing.Add(1)
	defer b.pacing.Add(-1)
	for freed := b.freed; b.bytes > b.limit && b.held > 1 && freed == b.freed && !b.dead.Load(); {
		b.room.Wait()
	}
}

// free lets everybody go who waits in pace.
func (b *mailbox[T]) free() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.freed++
	b.room.Broadcast()
}

// lift takes the limit away.
func (b *mailbox[T]) lift() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = math.MaxInt
	b.room.Broadcast()
}

// keep says whether the mailbox stays when it is empty. It reports whether it
// lives.
func (b *mailbox[T]) keep(stay bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.temporary = !stay
	if b.temporary && !b.running {
		b.dead.Store(true)
	}
	return !b.dead.Load()
}

// kill throws away what waits. What is in hand goes on.
func (b *mailbox[T]) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead.Store(true)
	b.items = nil
	b.room.Broadcast()
}

func (b *mailbox[T]) run() {
	defer b.owner.exit()
	var batch []parcel[T]
	for {
		if batch = b.take(batch); len(batch) == 0 {
			return
		}
		items, bytes := 0, 0 // done, and not yet given back
		for _, p := range batch {
			if b.dead.Load() {
				break
			}
			b.handle(p.item)
			items++
			bytes += p.size
			if b.pacing.Load() > 0 {
				b.giveBack(items, bytes)
				items, bytes = 0, 0
			}
		}
		b.giveBack(items, bytes)
	}
}

// take swaps the batch that is done for what waits; nothing ends the goroutine.
func (b *mailbox[T]) take(done []parcel[T]) []parcel[T] {
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

// emptied keeps the room of a slice for later, if it is not too much.
func emptied[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	return s[:0]
}

// giveBack makes room.
func (b *mailbox[T]) giveBack(items, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= items
	b.bytes -= bytes
	b.room.Broadcast()
}
