package acceptqueue_test

import (
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/socketmesh/mesh/internal/acceptqueue"
)

// put puts connections into the queue, as handshakes that succeed at once.
func put(t *testing.T, q *acceptqueue.Queue[int], conns ...int) {
	t.Helper()
	for _, conn := range conns {
		if !q.Reserve() {
			t.Fatalf("no place for connection %d", conn)
		}
		q.Put(conn)
	}
}

func TestAcceptInOrder(t *testing.T) {
	q := acceptqueue.New[int]()
	put(t, q, 1, 2, 3)
	for want := 1; want <= 3; want++ {
		if conn, err := q.Accept(); conn != want || err != nil {
			t.Errorf("accepted %d, %v: want %d", conn, err, want)
		}
	}
}

// TestPlacesAreBounded: a handshake and a connection that waits take one place
// each, until it is released or accepted.
func TestPlacesAreBounded(t *testing.T) {
	q := acceptqueue.New[int]()
	if !q.Reserve() {
		t.Fatal("no place in an empty queue")
	}
	put(t, q, make([]int, acceptqueue.Limit-1)...)
	for name, free := range map[string]func(){
		"Release": q.Release,
		"Accept":  func() { q.Accept() },
	} {
		if q.Reserve() {
			t.Fatalf("there is a place before %s", name)
		}
		free()
		if !q.Reserve() {
			t.Errorf("there is no place after %s", name)
		}
	}
}

func TestFailEndsAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := acceptqueue.New[int]()
		var accepting sync.WaitGroup
		for range 3 {
			accepting.Go(func() {
				if _, err := q.Accept(); err != net.ErrClosed {
					t.Errorf("Accept returns %v: want the first error", err)
				}
			})
		}
		synctest.Wait()
		q.Fail(net.ErrClosed)
		q.Fail(errors.New("another"))
		accepting.Wait()
		if q.Enter() {
			t.Error("a connection may enter after Fail")
		}
	})
}

// TestDrain: what waits is closed, and so is what is in its handshake when Drain is
// called.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := acceptqueue.New[int]()
		put(t, q, 1)
		for range 2 {
			if !q.Enter() || !q.Reserve() {
				t.Fatal("a connection is refused")
			}
		}
		q.Fail(net.ErrClosed)
		var mu sync.Mutex
		var closed []int
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			q.Drain(func(conn int) {
				mu.Lock()
				defer mu.Unlock()
				closed = append(closed, conn)
			})
		}()
		synctest.Wait()
		select {
		case <-drained:
			t.Error("Drain returns while handshakes are under way")
		default:
		}
		q.Put(2)
		q.Leave()
		q.Release()
		q.Leave()
		<-drained
		slices.Sort(closed)
		if want := []int{1, 2}; !slices.Equal(closed, want) {
			t.Errorf("closed %v: want %v", closed, want)
		}
	})
}
