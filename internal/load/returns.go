package load

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// The times after which Socket.IO's clients reconnect: the defaults of reconnectionDelay,
// reconnectionDelayMax and randomizationFactor.
const (
	returnMin    = time.Second
	returnMax    = 5 * time.Second
	returnJitter = 0.5
)

// returnDelay returns how long a client waits after so many failures.
func returnDelay(failed int) time.Duration {
	delay := float64(returnMin << min(failed, 10))
	delay *= 1 + returnJitter*(2*rand.Float64()-1)
	return min(time.Duration(delay), returnMax)
}

// returns are the sessions that will reconnect, the earliest first.
type returns []returning

type returning struct {
	at int64
	s  *session
}

func (r *returns) add(s *session, at int64) { heap.Push(r, returning{at, s}) }

// take removes the earliest session whose time has come; nil if there is none.
func (r *returns) take(now int64) *session {
	if len(*r) == 0 || (*r)[0].at > now {
		return nil
	}
	return heap.Pop(r).(returning).s
}

// The methods of heap.Interface.
func (r returns) Len() int           { return len(r) }
func (r returns) Less(i, j int) bool { return r[i].at < r[j].at }
func (r returns) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *returns) Push(x any)        { *r = append(*r, x.(returning)) }
func (r *returns) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
