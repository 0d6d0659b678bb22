package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestDialLimiter: addresses of which nothing is known go before those that have failed,
// in the order in which they came; those that are known to work do not wait.
func TestDialLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newDialLimiter(1, 1000)
		first := l.begin(t.Context(), dialFirst)
		order := make(chan string, 10)
		wait := func(ctx context.Context, name string, u dialUrgency) {
			go func() {
				end := l.begin(ctx, u)
				if end == nil {
					order <- name + " gave up"
					return
				}
				order <- name
				end()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait(t.Context(), "failed before", dialUnheard)
		wait(ctx, "impatient", dialFirst)
		wait(t.Context(), "new", dialFirst)
		wait(t.Context(), "newer", dialFirst)
		wait(t.Context(), "known", dialAgain)
		cancel()
		synctest.Wait()
		first()
		for _, want := range []string{"known", "impatient gave up", "new", "newer", "failed before"} {
			if got := <-order; got != want {
				t.Errorf("%s: want %s", got, want)
			}
		}
		synctest.Wait()
		if l.active != 0 {
			t.Errorf("%d dials are counted at the end", l.active)
		}
	})
}

// TestDialRate: after a burst of one second's dials they come evenly.
func TestDialRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newDialLimiter(1000, 10)
		began := time.Now()
		for i := range 50 {
			l.begin(t.Context(), dialFirst)()
			if due := time.Duration(max(0, i-9)) * time.Second / 10; time.Since(began) != due {
				t.Fatalf("dial %d began after %v: want %v", i, time.Since(began), due)
			}
		}
		time.Sleep(time.Hour)
		began = time.Now()
		for range 10 {
			l.begin(t.Context(), dialFirst)()
		}
		if time.Since(began) != 0 {
			t.Error("no burst after an hour")
		}
	})
}
