package sendqueue

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// acknowledged passes marks on to a benchmark.
type acknowledged struct {
	b     *testing.B
	marks chan struct{}
}

func (a acknowledged) Sent(marks int) {
	for range marks {
		a.marks <- struct{}{}
	}
}
func (a acknowledged) Failed(err error) { a.b.Error(err) }

// BenchmarkBroadcast puts one frame of 128 bytes into the queues of all clients, over TCP
// on this machine. An operation is one frame for each client; ns/frame is for one client,
// with what the reading costs at the other end.
func BenchmarkBroadcast(b *testing.B) {
	for _, clients := range []int{1, 1000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { broadcast(b, clients) })
	}
}

func broadcast(b *testing.B, clients int) {
	const ahead = 64 // frames that may wait for each client
	s := NewScheduler(Config{})
	sent := acknowledged{b, make(chan struct{}, clients)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	var readers sync.WaitGroup
	defer readers.Wait()
	queues := make([]*Queue, clients)
	for i := range queues {
		far, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		near, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		queues[i] = s.NewQueue(near, sent)
		defer queues[i].Drop()
		readers.Go(func() {
			defer far.Close()
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, far, make([]byte, 16<<10))
		})
	}
	settle := func() { // until every client has been sent everything
		for _, q := range queues {
			q.Mark()
		}
		for range clients {
			<-sent.marks
		}
	}
	bytes := make([]byte, 128)
	before := s.Stats()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		f := NewFrame(bytes)
		for _, q := range queues {
			if err := q.Put(f); err != nil {
				b.Fatal(err)
			}
		}
		if n%ahead == ahead-1 {
			settle()
		}
	}
	settle()
	frames := s.Stats().Frames - before.Frames
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
	b.ReportMetric(float64(frames)/float64(s.Stats().Writes-before.Writes), "frames/write")
}
