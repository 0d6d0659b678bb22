package netpoll

import (
	"fmt"
	"os"
	"syscall"
)

// events is how many events are taken at once.
const events = 128

// edge asks for an event when something new arrives (edge-triggered).
const edge = syscall.EPOLLIN | syscall.EPOLLRDHUP | 1<<31

// readiness is an epoll instance. The runtime's own epoll waits for its descriptor, as for
// any file, so that waiting takes no thread. It watches Go's connections, which others read
// and write. The epoll of package load is different: it has its own sockets, and dials,
// reads and writes them in the thread that waits, so that the clients of a benchmark cost
// next to nothing.
type readiness struct {
	file  *os.File
	conn  syscall.RawConn
	batch [events]syscall.EpollEvent
	n     int
	err   error
}

func openReadiness() (*readiness, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("poller: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("poller: %w", err)
	}
	r := &readiness{file: os.NewFile(uintptr(fd), "epoll")}
	if r.conn, err = r.file.SyscallConn(); err != nil {
		_ = r.file.Close()
		return nil, fmt.Errorf("poller: %w", err)
	}
	return r, nil
}

// register adds a connection to the epoll instance. Closing the connection removes it.
func (l *loop) register(r *Registration, conn syscall.RawConn) error {
	event := syscall.EpollEvent{Events: edge, Fd: int32(r.slot), Pad: int32(r.number)}
	var failed error
	err := l.ready.conn.Control(func(epoll uintptr) {
		err := conn.Control(func(fd uintptr) {
			failed = syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_ADD, int(fd), &event)
		})
		if err != nil {
			failed = err
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("poller: %w", err)
	}
	return nil
}

// wait waits until connections are ready, and calls found for each. It returns false when
// closed.
func (r *readiness) wait(found func(slot, number uint32)) bool {
	if err := r.conn.Read(r.take); err != nil || r.err != nil {
		return false
	}
	for _, e := range r.batch[:r.n] {
		found(uint32(e.Fd), uint32(e.Pad))
	}
	return true
}

// take gets what is ready without waiting. It returns false to be called again when
// something is.
func (r *readiness) take(epoll uintptr) bool {
	r.n, r.err = syscall.EpollWait(int(epoll), r.batch[:], 0)
	if r.err == syscall.EINTR {
		r.n, r.err = 0, nil
		return true
	}
	return r.err != nil || r.n > 0
}

func (l *loop) close() { _ = l.ready.file.Close() }
