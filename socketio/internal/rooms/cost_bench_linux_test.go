package rooms

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siotest"
)

// These show that each operation takes time for what it is about alone: ns/item stays
// the same from a thousand rooms to a hundred thousand, and from an empty namespace to
// one of a million rooms. cpu-ms-max-hold is for how long an operation has held the lock
// at most, by the clock of its thread. max-wait is how long somebody else who emits to a
// room, or who joins and leaves one, was kept waiting at most, by the clock on the wall.
// Where other programs run, that is for the most part how long these had the processors;
// the priority of real time keeps them away, for some seconds at a time:
//
//	go test -c -o rooms.test ./socketio/internal/rooms
//	chrt -f 1 ./rooms.test -test.run '^$' -test.bench 'OfOne.*/(namespace=0/rooms|sockets)=100000' -test.benchtime 10x

// full is a namespace of so many rooms with a member each, and two sockets for
// operations.
func full(b *testing.B, count int) (r *Rooms, ids []socket.SocketId) {
	r, ids = crowd(b, 3)
	r.Add(ids[2], numbered("full", count))
	r.Add(ids[1], []socket.Room{"bystander"})
	return r, ids
}

// bystander emits and joins all the time until it is stopped, and reports its longest
// waits. It does the same in another namespace, where nobody keeps it waiting but the
// machine.
func bystander(b *testing.B, r *Rooms, id socket.SocketId) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	var emit, join, elsewhere time.Duration
	other, ids := crowd(b, 1)
	other.Add(ids[0], []socket.Room{"bystander"})
	room := []socket.Room{"bystander's"}
	to := core.Target{Rooms: []string{"bystander"}}
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Microsecond):
			}
			began := time.Now()
			r.Match(to, func(*LocalSocket) {})
			met := time.Now()
			r.Add(id, room)
			joined := time.Now()
			r.Remove(id, room[0])
			left := time.Now()
			other.Match(to, func(*LocalSocket) {})
			other.Add(ids[0], room)
			other.Remove(ids[0], room[0])
			emit, join = max(emit, met.Sub(began)), max(join, joined.Sub(met), left.Sub(joined))
			elsewhere = max(elsewhere, time.Since(left))
		}
	}()
	return func() {
		close(done)
		<-ended
		b.ReportMetric(float64(emit.Microseconds())/1000, "ms-max-emit-wait")
		b.ReportMetric(float64(join.Microseconds())/1000, "ms-max-join-wait")
		b.ReportMetric(float64(elsewhere.Microseconds())/1000, "ms-max-elsewhere")
	}
}

// perItem measures do, which is about so many things, between prepare and undo.
func perItem(b *testing.B, r *Rooms, id socket.SocketId, items int, prepare, do, undo func()) {
	var worked, last, longest time.Duration
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	held := func() {
		now := threadTime(b)
		longest = max(longest, now-last)
		last = now
	}
	r.pause = held
	defer func() { r.pause = nil }()
	stop := bystander(b, r, id)
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		before := longest
		prepare()
		longest = before
		b.StartTimer()
		began := time.Now()
		last = threadTime(b)
		do()
		held()
		worked += time.Since(began)
		b.StopTimer()
		before = longest
		undo()
		longest = before
		b.StartTimer()
	}
	stop()
	b.ReportMetric(float64(longest.Microseconds())/1000, "cpu-ms-max-hold")
	b.ReportMetric(float64(worked.Nanoseconds())/float64(b.N*items), "ns/item")
}

// threadTime is how long this thread has had a processor.
func threadTime(b *testing.B) time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func nothing() {}

// BenchmarkRoomsOfOneSocket joins and leaves many rooms, all at once and one by one.
func BenchmarkRoomsOfOneSocket(b *testing.B) {
	for _, namespace := range []int{0, 1_000_000} {
		r, ids := full(b, namespace)
		id := ids[0]
		for _, count := range []int{1_000, 10_000, 100_000} {
			names := numbered("r", count)
			join := func() { r.Add(id, names) }
			leave := func() { r.RemoveAll(id); r.departed.Clear() }
			again := func() {
				if !r.indexed(id) {
					r.Add(id, nil)
				}
			}
			run := func(what string, prepare, do, undo func()) {
				b.Run(fmt.Sprintf("%s/namespace=%d/rooms=%d", what, namespace, count), func(b *testing.B) {
					perItem(b, r, ids[1], count, prepare, do, undo)
				})
			}
			run("join", again, join, leave)
			run("leave-all", join, leave, again)
			run("leave-each", join, func() {
				for i, name := range names { // the first joined is the first to go
					if r.Remove(id, name); i%atOnce == 0 {
						r.unlocked() // as all the time
					}
				}
			}, again)
			run("rooms", join, func() { r.Of(id) }, leave)
		}
	}
}

// BenchmarkSocketsOfOneRoom: many sockets join a room, are met there, are excepted,
// are listed, and leave.
func BenchmarkSocketsOfOneRoom(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		r, ids := crowd(b, count+2)
		bystanderID, few := ids[count], ids[count+1]
		ids = ids[:count]
		r.Add(bystanderID, []socket.Room{"bystander"})
		r.Add(few, []socket.Room{"few"})
		room := []socket.Room{"r"}
		join := func() {
			for i, id := range ids {
				if r.Add(id, room); i%atOnce == 0 {
					r.unlocked() // as all the time
				}
			}
		}
		leave := func() {
			for i, id := range ids {
				if r.Remove(id, "r"); i%atOnce == 0 {
					r.unlocked()
				}
			}
		}
		met := 0
		meet := func(to core.Target) func() {
			return func() { r.Match(to, func(*LocalSocket) { met++ }) }
		}
		run := func(what string, items int, prepare, do, undo func()) {
			b.Run(fmt.Sprintf("%s/sockets=%d", what, count), func(b *testing.B) {
				perItem(b, r, bystanderID, items, prepare, do, undo)
			})
		}
		run("join", count, nothing, join, leave)
		run("leave", count, join, leave, nothing)
		join()
		run("broadcast", count, nothing, meet(core.Target{Rooms: []string{"r"}}), nothing)
		run("broadcast-all", count, nothing, meet(core.Target{}), nothing)
		run("two-rooms", count, nothing, meet(core.Target{Rooms: []string{"r", "few"}}), nothing)
		run("except-itself", count, nothing, meet(core.Target{Rooms: []string{"r"}, Except: []string{string(ids[0])}}), nothing)
		// These have one member, whatever they are excepted from.
		run("few", 1, nothing, meet(core.Target{Rooms: []string{"few"}}), nothing)
		run("few-except-many", 1, nothing, meet(core.Target{Rooms: []string{"few"}, Except: []string{"r"}}), nothing)
		list := make([]core.Socket, count)
		run("fetch", count, nothing, func() {
			found := r.Matching(core.Target{Rooms: []string{"r"}})
			r.unlocked()
			r.Describe(list, found)
		}, nothing)
	}
}

// BenchmarkLibraryMaps is what it takes to fill the library's maps for the first time.
func BenchmarkLibraryMaps(b *testing.B) {
	for _, count := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rooms=%d", count), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r, ids := full(b, count)
				b.StartTimer()
				stop := bystander(b, r, ids[1])
				r.LibraryRooms()
				stop()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/item")
		})
	}
}

// BenchmarkIndexMemory is what the index holds for an idle socket, which is in the
// room of its own alone, and for each room.
func BenchmarkIndexMemory(b *testing.B) {
	held := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const count = 100_000
	for b.Loop() {
		r, _ := crowd(b, 0)
		connected := siotest.Connect(b).Socket
		ids, names := make([]socket.SocketId, count), numbered("room", count)
		for i := range ids {
			ids[i] = socket.SocketId(fmt.Sprint("s", i))
			r.sockets.Store(ids[i], connected)
		}
		before := held()
		for _, id := range ids {
			r.Add(id, []socket.Room{socket.Room(id)})
		}
		own := held()
		for i, id := range ids {
			r.Add(id, names[i:i+1])
		}
		rooms := held()
		runtime.KeepAlive(r)
		runtime.KeepAlive(slices.Clone(names))
		b.ReportMetric(float64(own-before)/count, "B/socket")
		b.ReportMetric(float64(rooms-own)/count, "B/room")
	}
}

// BenchmarkLibraryMapCopy is the longest that one of the library's maps keeps others
// waiting, once it is filled: it copies itself when a room is added after it has been
// walked through.
func BenchmarkLibraryMapCopy(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, count := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rooms=%d", count), func(b *testing.B) {
			m, members := new(types.Map[socket.Room, *types.Set[socket.SocketId]]), types.NewSet[socket.SocketId]()
			for _, name := range numbered("room", count) {
				m.Store(name, members)
			}
			longest := time.Duration(0)
			for i := range b.N {
				m.Range(func(socket.Room, *types.Set[socket.SocketId]) bool { return true })
				before := threadTime(b)
				m.Store(socket.Room(fmt.Sprint("new", i)), members)
				longest = max(longest, threadTime(b)-before)
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "cpu-ms-max-hold")
		})
	}
}
