package link

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m)
}

// serveHere runs a receiver, and returns its address.
func serveHere(t *testing.T, kind string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Serve(ctx, kind, writer)
		writer.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Log(err)
		}
	})
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening "))
}

// TestMeasure: every kind of link carries messages of all sizes, there and back.
func TestMeasure(t *testing.T) {
	for _, kind := range append(Kinds, "ws/proto", "ws/plain", "mem/msgpack", "ws/bare", "quic/bare", "mem/bare") {
		t.Run(kind, func(t *testing.T) {
			address := ""
			if !strings.HasPrefix(kind, "mem") {
				address = serveHere(t, kind)
			}
			m, err := Measure(t.Context(), kind, address, Task{Sizes: []int{100, 4096}, Length: 20 * time.Millisecond, Trips: 20})
			if err != nil {
				t.Fatal(err)
			}
			if m.Trips.Total != 20 || m.Trips.Min <= 0 {
				t.Errorf("trips %+v", m.Trips)
			}
			for _, size := range []int{100, 4096} {
				if f := m.Flows[size]; f.PerSecond() <= 0 || f.Took < 20*time.Millisecond {
					t.Errorf("%d bytes: %+v", size, f)
				}
			}
		})
	}
}

func TestUnknownKinds(t *testing.T) {
	for kind, want := range map[string]string{
		"carrier":     "there are ws, quic, mem, gorilla, tcp",
		"ws/morse":    "no such codec",
		"tcp/msgpack": "bare links have no codec",
	} {
		if err := Check(kind); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
		if _, err := Measure(t.Context(), kind, "", Task{}); err == nil {
			t.Errorf("%s is measured", kind)
		}
	}
	for _, kind := range Kinds {
		if err := Check(kind); err != nil {
			t.Error(err)
		}
	}
}

// TestDeadReceiver: the measurement fails instead of waiting.
func TestDeadReceiver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	end, address, err := listen(ctx, "tcp", func(End, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	waiting, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if _, err := Measure(waiting, "tcp", address, Task{Sizes: []int{100}, Trips: 1}); err == nil {
		t.Error("a receiver that never answers was measured")
	}
}
