package transporttest

import (
	"context"
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// BenchmarkSend measures one way, from the dialling end and from the accepting
// one: an operation is a frame, sent in batches of several sizes and received.
func BenchmarkSend(b *testing.B, f Fixture) {
	for _, size := range []int{100, 4 << 10, 1 << 20} {
		for _, batch := range []int{1, 16, 256} {
			if size*batch > 16<<20 {
				continue // no queue is as long
			}
			name := fmt.Sprintf("size=%d/batch=%d", size, batch)
			b.Run("dialled/"+name, func(b *testing.B) {
				from, to := benchPair(b, f)
				benchSend(b, from, to, size, batch)
			})
			b.Run("accepted/"+name, func(b *testing.B) {
				to, from := benchPair(b, f)
				benchSend(b, from, to, size, batch)
			})
		}
	}
}

// BenchmarkLatency measures a message on a connection that is idle otherwise: an
// operation is one there and one back.
func BenchmarkLatency(b *testing.B, f Fixture) {
	for _, size := range []int{100, 4 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			here, there := benchPair(b, f)
			answering := make(chan struct{})
			go func() {
				defer close(answering)
				for {
					frame, err := there.Recv()
					if err != nil {
						break
					}
					if err := there.Send(context.Background(), [][]byte{frame}); err != nil {
						break
					}
				}
				there.Close(core.CloseShutdown)
			}()
			frames := [][]byte{pattern(size, 1)}
			b.ReportAllocs()
			for b.Loop() {
				if err := here.Send(b.Context(), frames); err != nil {
					b.Fatal(err)
				}
				if _, err := here.Recv(); err != nil {
					b.Fatal(err)
				}
			}
			here.Close(core.CloseShutdown)
			<-answering
		})
	}
}

func benchPair(b *testing.B, f Fixture) (dialled, accepted core.Conn) {
	if f.Dialler == nil {
		f.Dialler = f.Transport
	}
	if f.Address == nil {
		f.Address = core.Listener.Addr
	}
	l, err := f.Transport.Listen(b.Context(), f.Listen)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	dialled, err = f.Dialler.Dial(b.Context(), f.Address(l))
	if err != nil {
		b.Fatal(err)
	}
	accepted, err = l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	return dialled, accepted
}

func benchSend(b *testing.B, from, to core.Conn, size, batch int) {
	frames := make([][]byte, batch)
	for i := range frames {
		frames[i] = pattern(size, i)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	received := make(chan error, 1)
	go func() {
		for range b.N {
			if _, err := to.Recv(); err != nil {
				received <- err
				break
			}
		}
		close(received)
	}()
	for left := b.N; left > 0; left -= batch {
		if err := from.Send(b.Context(), frames[:min(batch, left)]); err != nil {
			b.Error(err)
			break
		}
	}
	if err := <-received; err != nil {
		b.Error(err)
	}
	b.StopTimer()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		to.Close(core.CloseShutdown)
	}()
	from.Close(core.CloseShutdown)
	<-closed
}
