package socketio

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestCallbacksInOrder: they begin one behind the other.
func TestCallbacksInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c callbacks
		var got []int
		for i := range 100 {
			c.add(func() {
				time.Sleep(callbackPatience / 2)
				got = append(got, i)
			})
		}
		time.Sleep(time.Minute)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(got) != 100 || !slices.IsSorted(got) {
			t.Errorf("they ran in the order %v", got)
		}
	})
}

// TestCallbacksThatBlock hold up nobody for long.
func TestCallbacksThatBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c callbacks
		began := time.Now()
		var last atomic.Int64 // after which time one began
		var ran atomic.Int64
		for range 3 {
			for range 100 {
				added := time.Now()
				c.add(func() {
					ran.Add(1)
					last.Store(max(last.Load(), int64(time.Since(added))))
					time.Sleep(time.Minute)
				})
			}
			time.Sleep(time.Second)
		}
		if ran.Load() != 300 || last.Load() > int64(2*callbackPatience) {
			t.Errorf("%d have begun, the last one after %v", ran.Load(), time.Duration(last.Load()))
		}
		time.Sleep(2 * time.Minute)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running || c.watched {
			t.Errorf("after %v it runs", time.Since(began))
		}
	})
}

// TestCallbackWaitsForAnother: one may wait for a later one.
func TestCallbackWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c callbacks
		inner, outer, behind := make(chan struct{}), make(chan struct{}), make(chan struct{})
		c.add(func() {
			c.add(func() { close(inner) })
			<-inner
			close(outer)
		})
		<-outer
		c.add(func() { close(behind) })
		<-behind
		time.Sleep(time.Second)
	})
}

// TestCallbacksAtOnce: everyone is run once, whoever adds them.
func TestCallbacksAtOnce(t *testing.T) {
	var c callbacks
	const adders, each = 8, 1000
	var ran [adders * each]atomic.Int32
	var work sync.WaitGroup
	work.Add(len(ran))
	for a := range adders {
		go func() {
			for i := range each {
				c.add(func() {
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

// TestAnswersInOrder: the callbacks of questions that are answered one after the
// other are called in that order.
func TestAnswersInOrder(t *testing.T) { onEachMesh(t, 2, answersInOrder) }

func answersInOrder(t *testing.T, s []*server) {
	c, _ := s[1].client("/")
	answerAll(t, c, `["here"]`)
	_ = s[1].On("ask", func(args ...any) { args[len(args)-1].(socket.Ack)([]any{args[0]}, nil) })
	for _, server := range s {
		server.Sockets().Adapter().(*adapter).callbacks.patience = patience
	}
	const n = 100
	for name, ask := range map[string]func(done func()){
		"emitWithAck": func(done func()) {
			s[0].Timeout(patience).EmitWithAck("q")(func([]any, error) { done() })
		},
		"emitWithAck of the client's own server": func(done func()) {
			s[1].Timeout(patience).EmitWithAck("q")(func([]any, error) { done() })
		},
		"serverSideEmit": func(done func()) {
			_ = s[0].ServerSideEmitWithAck("ask", 1)(func([]any, error) { done() })
		},
		"fetchSockets": func(done func()) {
			s[0].FetchSockets()(func([]*socket.RemoteSocket, error) { done() })
		},
	} {
		got := make(chan int, n)
		for i := range n {
			ask(func() { got <- i })
		}
		var order []int
		for range n {
			order = append(order, within(t, got))
		}
		if !slices.IsSorted(order) {
			t.Errorf("%s: answered in the order %v", name, order)
		}
	}
}
