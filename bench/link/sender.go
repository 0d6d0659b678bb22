package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// Messages are JSON arrays; their third byte is their kind.
const (
	dataMark  = 'd' // ["d","…"]: data
	countMark = 'c' // ["c",n]: n data messages were received
	askMark   = 'e' // ["e",n]
	echoMark  = 'r' // ["r",n]: the answer to it
)

const (
	// countEvery is after how many messages the receiver reports its count.
	countEvery = 256
	// windowBytes and windowMessages limit what is sent and not reported as received.
	windowBytes    = 4 << 20
	windowMessages = 32 << 10
	echoTime       = 10 * time.Second
)

var errSilent = errors.New("the other end does not answer")

func mark(message []byte) byte {
	if len(message) < 4 {
		return 0
	}
	return message[2]
}

func message(mark byte, n uint64) []byte {
	return strconv.AppendUint([]byte{'[', '"', mark, '"', ','}, n, 10)
}

func closed(m []byte) []byte { return append(m, ']') }

// number reads the number in a message.
func number(m []byte) uint64 {
	digits, _ := bytes.CutSuffix(m[5:], []byte("]"))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}

// receiver counts data messages, and answers.
type receiver struct{ count atomic.Uint64 }

func (r *receiver) receive(end End, m []byte) {
	switch mark(m) {
	case dataMark:
		if n := r.count.Add(1); n%countEvery == 0 {
			end.Send(closed(message(countMark, n)))
			end.Flush()
		}
	case askMark:
		end.Send(closed(message(echoMark, number(m))))
		end.Flush()
	}
}

// sender sends messages, and handles what the receiver sends.
type sender struct {
	end   End
	sent  uint64
	come  atomic.Uint64 // number of messages that the receiver has reported
	echo  chan uint64
	moved chan struct{} // signals that come has changed
}

func newSender() *sender {
	return &sender{echo: make(chan uint64, 1), moved: make(chan struct{}, 1)}
}

func (s *sender) receive(_ End, m []byte) {
	switch mark(m) {
	case countMark:
		s.come.Store(number(m))
		select {
		case s.moved <- struct{}{}:
		default:
		}
	case echoMark:
		select {
		case s.echo <- number(m):
		default:
		}
	}
}

// flood sends messages of a size for the given time, with so many on the way that the link
// is never idle, and returns how many were received in which time.
func (s *sender) flood(ctx context.Context, size int, warmup, length time.Duration) (Flow, error) {
	data := append([]byte(`["d","`), bytes.Repeat([]byte("x"), size-len(`["d",""]`))...)
	data = append(data, `"]`...)
	window := uint64(max(min(windowBytes/size, windowMessages), 2*countEvery))
	begun := time.Now()
	var from uint64
	var since time.Time
	for {
		if err := s.burst(ctx, data, window); err != nil {
			return Flow{}, err
		}
		switch now := time.Now(); {
		case since.IsZero() && now.Sub(begun) >= warmup:
			from, since = s.come.Load(), now
		case !since.IsZero() && now.Sub(since) >= length && s.come.Load() > from:
			f := Flow{Messages: s.come.Load() - from, Took: now.Sub(since)}
			return f, s.settle(ctx)
		}
	}
}

// burst sends some messages, as soon as they fit into the window.
func (s *sender) burst(ctx context.Context, data []byte, window uint64) error {
	if s.sent-s.come.Load()+countEvery > window {
		if err := s.end.Flush(); err != nil {
			return err
		}
		if err := s.waitWindow(ctx, window); err != nil {
			return err
		}
	}
	for range countEvery {
		if err := s.end.Send(data); err != nil {
			return err
		}
		s.sent++
	}
	return nil
}

// waitWindow waits until a burst fits into the window.
func (s *sender) waitWindow(ctx context.Context, window uint64) error {
	timeout := time.NewTimer(echoTime)
	defer timeout.Stop()
	for s.sent-s.come.Load()+countEvery > window {
		select {
		case <-s.moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("%w: %d of %d messages have come", errSilent, s.come.Load(), s.sent)
		}
	}
	return nil
}

// settle waits until the receiver has reported everything that was sent.
func (s *sender) settle(ctx context.Context) error {
	_, err := s.roundTrip(ctx, s.sent)
	return err
}

// roundTrip measures the time of one message and its answer.
func (s *sender) roundTrip(ctx context.Context, n uint64) (time.Duration, error) {
	ask := closed(message(askMark, n))
	begun := time.Now()
	if err := s.end.Send(ask); err != nil {
		return 0, err
	}
	if err := s.end.Flush(); err != nil {
		return 0, err
	}
	timeout := time.NewTimer(echoTime)
	defer timeout.Stop()
	for {
		select {
		case got := <-s.echo:
			if got == n {
				return time.Since(begun), nil
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-timeout.C:
			return 0, errSilent
		}
	}
}

// trips measures round trips, one after the other, on a link that is otherwise idle.
func (s *sender) trips(ctx context.Context, count int) (histogram.Histogram, error) {
	var h histogram.Histogram
	for n := range count {
		took, err := s.roundTrip(ctx, uint64(n))
		if err != nil {
			return h, err
		}
		h.Record(took)
	}
	return h, nil
}
