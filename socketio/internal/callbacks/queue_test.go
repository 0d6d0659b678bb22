package callbacks

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallbacksInOrder: they run one after the other.
func TestCallbacksInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		var got []int
		for i := range 100 {
			q.Add(func() {
				time.Sleep(DefaultPatience / 2)
				got = append(got, i)
			})
		}
		time.Sleep(time.Minute)
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(got) != 100 || !slices.IsSorted(got) {
			t.Errorf("they ran in the order %v", got)
		}
	})
}

// TestCallbacksThatBlock: they hold up the others for a moment only.
func TestCallbacksThatBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		began := time.Now()
		var last atomic.Int64 // after which time one began
		var ran atomic.Int64
		for range 3 {
			for range 100 {
				added := time.Now()
				q.Add(func() {
					ran.Add(1)
					last.Store(max(last.Load(), int64(time.Since(added))))
					time.Sleep(time.Minute)
				})
			}
			time.Sleep(time.Second)
		}
		if ran.Load() != 300 || last.Load() > int64(2*DefaultPatience) {
			t.Errorf("%d have begun, the last one after %v", ran.Load(), time.Duration(last.Load()))
		}
		time.Sleep(2 * time.Minute)
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.running || q.watching {
			t.Errorf("after %v it runs", time.Since(began))
		}
	})
}

// TestCallbackWaitsForAnother: a callback may wait for one that was added later.
func TestCallbackWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		inner, outer, behind := make(chan struct{}), make(chan struct{}), make(chan struct{})
		q.Add(func() {
			q.Add(func() { close(inner) })
			<-inner
			close(outer)
		})
		<-outer
		q.Add(func() { close(behind) })
		<-behind
		time.Sleep(time.Second)
	})
}

// TestCallbacksAtOnce: each callback runs once, whichever goroutine adds it.
func TestCallbacksAtOnce(t *testing.T) {
	var q Queue
	const adders, each = 8, 1000
	var ran [adders * each]atomic.Int32
	var work sync.WaitGroup
	work.Add(len(ran))
	for a := range adders {
		go func() {
			for i := range each {
				q.Add(func() {
					defer work.Done()
					ran[a*each+i].Add(1)
				})
			}
		}()
	}
	work.Wait()
	for i := range ran {
		if n := ran[i].Load(); n != 1 {
			t.Fatalf("callback %d ran %d times", i, n)
		}
	}
}
