package socketio

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// swarmEnv makes the test binary a swarm of clients instead: "address number".
const swarmEnv = "SOCKETIO_SWARM"

// swarm is a process of clients, so that what a server costs can be measured
// without them.
type swarm struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// hatch starts a swarm and waits until all its clients are connected.
func hatch(tb testing.TB, addr string, clients int) *swarm {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", swarmEnv, addr, clients))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s := &swarm{cmd, in, bufio.NewReader(out)}
	tb.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	s.hear(tb, "connected")
	return s
}

// expect tells the clients to count so many bytes each.
func (s *swarm) expect(tb testing.TB, bytes int) {
	tb.Helper()
	fmt.Fprintln(s.in, bytes)
	s.hear(tb, "counting")
}

func (s *swarm) hear(tb testing.TB, want string) {
	tb.Helper()
	if line, err := s.out.ReadString('\n'); strings.TrimSpace(line) != want {
		tb.Fatalf("swarm says %q, %v, not %s", line, err, want)
	}
}

// beSwarm is the process of the swarm.
func beSwarm(task string) {
	var addr string
	var clients int
	if _, err := fmt.Sscan(task, &addr, &clients); err != nil {
		panic(err)
	}
	raws := make([]*raw, clients)
	var next atomic.Int64
	var arriving sync.WaitGroup
	for range 16 {
		arriving.Go(func() {
			for i := int(next.Add(1)) - 1; i < clients; i = int(next.Add(1)) - 1 {
				raws[i] = settle(addr)
			}
		})
	}
	arriving.Wait()
	fmt.Println("connected")
	for {
		var bytes int
		if _, err := fmt.Scan(&bytes); err != nil {
			return
		}
		fmt.Println("counting")
		var wg sync.WaitGroup
		for _, r := range raws {
			wg.Go(func() {
				if _, err := io.CopyN(io.Discard, r.in, int64(bytes)); err != nil {
					panic(err)
				}
			})
		}
		wg.Wait()
		fmt.Println("done")
	}
}

// settle connects, and tries again where the library has lost what it said.
func settle(addr string) *raw {
	for {
		r, err := dialRaw(addr, nil, "")
		if err != nil {
			panic(err)
		}
		if err = r.await("0"); err == nil {
			time.Sleep(5 * time.Millisecond)
			err = r.send("40")
		}
		if err == nil {
			err = r.await("40")
		}
		if err == nil {
			_ = r.conn.SetDeadline(time.Time{})
			return r
		}
		_ = r.conn.Close()
	}
}

// BenchmarkFanOut sends events of 100 bytes to clients in another process. An
// operation is one event to one client.
func BenchmarkFanOut(b *testing.B) {
	for _, clients := range []int{300, 1000} {
		for _, library := range []bool{false, true} {
			name := fmt.Sprint(clients, "/own")
			if library {
				name = fmt.Sprint(clients, "/library")
			}
			b.Run(name, func(b *testing.B) { fanOut(b, clients, library) })
		}
	}
}

func fanOut(b *testing.B, clients int, library bool) {
	s := serve(b, lonely{}, WithClientOptions(ClientOptions{Library: library, QueueBytes: 1 << 30}))
	flock := hatch(b, strings.TrimPrefix(s.http.URL, "http://"), clients)
	await.Condition(b, "all connected", func() bool { return s.Sockets().Sockets().Len() >= clients })
	s.Sockets().Sockets().Range(func(_ socket.SocketId, sock *socket.Socket) bool { sock.Join("r"); return true })
	payload := strings.Repeat("x", 100)
	events := b.N/clients + 1
	flock.expect(b, events*len("..42[\"e\",\"\"]"+payload))
	before := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	for range events {
		_ = s.To("r").Emit("e", payload)
	}
	flock.hear(b, "done")
	b.StopTimer()
	n := float64(events * clients)
	b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric((cpu()-before).Seconds()/n*1e6, "cpu-s/M")
}

// cpu is the time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idle is how many clients BenchmarkIdle connects. A process may hold 20,000
// descriptors.
var idle = flag.Int("idle", 1000, "how many clients BenchmarkIdle connects")

// BenchmarkIdle tells what a client costs that is connected and no more: resident
// memory (in brackets: what the heap and the stacks hold after a collection), and
// the time to connect it. An operation is all of them.
func BenchmarkIdle(b *testing.B) {
	for _, library := range []bool{false, true} {
		b.Run(map[bool]string{false: "own", true: "library"}[library], func(b *testing.B) {
			options := socket.DefaultServerOptions()
			options.SetPingInterval(time.Hour) // these clients answer nothing
			s := serveWith(b, options, lonely{}, WithClientOptions(ClientOptions{Library: library}))
			addr := strings.TrimPrefix(s.http.URL, "http://")
			hatch(b, addr, 100) // so that what is made once is there
			debug.FreeOSMemory()
			residentBefore, heldBefore, cpuBefore := resident(), held(), cpu()
			for b.Loop() {
				hatch(b, addr, *idle)
			}
			n := float64(*idle * b.N)
			used := cpu() - cpuBefore
			residentAfter := resident()
			runtime.GC()
			b.ReportMetric(float64(residentAfter-residentBefore)/n/1024, "KB-resident/client")
			b.ReportMetric(float64(held()-heldBefore)/n/1024, "KB-held/client")
			b.ReportMetric(float64(used.Microseconds())/n, "cpu-µs/connect")
		})
	}
}

// resident is the memory that the kernel has given this process, in bytes.
func resident() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int64
	_, _ = fmt.Sscan(string(statm), &total, &pages)
	return pages * int64(os.Getpagesize())
}

// held is the memory that the heap and the stacks use.
func held() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
