package load

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	wakeEvent  = -1
	timerEvent = -2

	readSize  = 256 << 10
	maxEvents = 512
)

// epoll is the wire that asks the kernel which connections have events. One thread waits,
// dials, reads and writes on sockets that the Go runtime does not know. (netpoll's epoll
// is different: it only tells a server's goroutines which connections to read.)
type epoll struct {
	events
	fd, wakeFD, timerFD int
	sessions            []*session // by descriptor
	ready               [maxEvents]unix.EpollEvent
	buffer              []byte   // for the current read
	spare               [][]byte // buffers that sessions no longer use
	generation          int32
}

func newEpoll(e events) (*epoll, error) {
	p := &epoll{events: e, fd: -1, wakeFD: -1, timerFD: -1, buffer: make([]byte, readSize)}
	var err error
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		p.timerFD, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	}
	if err == nil {
		err = p.control(unix.EPOLL_CTL_ADD, p.wakeFD, unix.EPOLLIN, wakeEvent)
	}
	if err == nil {
		err = p.control(unix.EPOLL_CTL_ADD, p.timerFD, unix.EPOLLIN, timerEvent)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

func (p *epoll) control(op, fd int, mask uint32, generation int32) error {
	return unix.EpollCtl(p.fd, op, fd, &unix.EpollEvent{Events: mask, Fd: int32(fd), Pad: generation})
}

// dial opens a non-blocking socket.
func (p *epoll) dial(s *session, to *net.TCPAddr, from net.IP) error {
	family, address := sockaddr(to.IP, to.Port)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && from != nil && family == unix.AF_INET {
		// The kernel chooses the port when it knows the server, so that one address can use
		// the same port towards each server.
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil {
			_, local := sockaddr(from, 0)
			err = unix.Bind(fd, local)
		}
	}
	if err == nil {
		if err = unix.Connect(fd, address); errors.Is(err, unix.EINPROGRESS) {
			err = nil
		}
	}
	if err == nil {
		p.generation = max(p.generation+1, 1)
		err = p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLOUT, p.generation)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("connect to %s: %w", to, err)
	}
	s.fd, s.generation, s.stuck = int32(fd), p.generation, true
	if fd >= len(p.sessions) {
		p.sessions = append(p.sessions, make([]*session, fd+1)...)
	}
	p.sessions[fd] = s
	return nil
}

// holds reports whether s still has the connection with this descriptor and generation.
func (p *epoll) holds(s *session, fd, generation int32) bool {
	return p.sessions[fd] == s && s.generation == generation
}

func sockaddr(ip net.IP, port int) (int, unix.Sockaddr) {
	if v4 := ip.To4(); v4 != nil {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte(v4)}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())}
}

func (p *epoll) hangUp(s *session) {
	if s.generation == 0 {
		return
	}
	p.sessions[s.fd] = nil
	unix.Close(int(s.fd))
	p.recycle(s.in)
	s.link = link{}
}

func (p *epoll) unread(s *session) bool {
	var first [1]byte
	n, _, err := unix.Recvfrom(int(s.fd), first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

func (p *epoll) wake() {
	unix.Write(p.wakeFD, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (p *epoll) close() {
	for _, s := range p.sessions {
		if s != nil {
			p.hangUp(s)
		}
	}
	for _, fd := range []int{p.fd, p.wakeFD, p.timerFD} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (p *epoll) poll(timeout time.Duration) error {
	wait := -1
	switch {
	case timeout == 0:
		wait = 0
	case timeout > 0: // epoll's own timeout is in milliseconds
		at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(timeout))}
		if err := unix.TimerfdSettime(p.timerFD, 0, &at, nil); err != nil {
			return fmt.Errorf("timerfd: %w", err)
		}
	}
	n, err := unix.EpollWait(p.fd, p.ready[:], wait)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range max(n, 0) {
		p.handle(&p.ready[i])
	}
	return nil
}

func (p *epoll) handle(e *unix.EpollEvent) {
	if e.Pad < 0 {
		var count [8]byte
		unix.Read(int(e.Fd), count[:])
		return
	}
	s := p.sessions[e.Fd]
	if s == nil || s.generation != e.Pad {
		return // closed while earlier events were handled
	}
	if e.Events&unix.EPOLLOUT != 0 && !p.writable(s) {
		return
	}
	if e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 {
		p.read(s)
	}
}

// writable is called when the kernel takes more data, or the connection has been made. It
// returns false if the connection has ended.
func (p *epoll) writable(s *session) bool {
	fd, generation := s.fd, s.generation
	if s.phase == dialling {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			p.end(s, err)
			return false
		}
		p.unstick(s)
		p.connected(s)
	} else {
		p.unstick(s)
		p.flush(s)
	}
	return p.holds(s, fd, generation)
}

func (p *epoll) unstick(s *session) {
	s.stuck = false
	p.control(unix.EPOLL_CTL_MOD, int(s.fd), unix.EPOLLIN, s.generation)
}

func (p *epoll) flush(s *session) {
	for s.flushed < len(s.out) && !s.stuck {
		n, err := unix.Write(int(s.fd), s.out[s.flushed:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			s.stuck = true
			p.control(unix.EPOLL_CTL_MOD, int(s.fd), unix.EPOLLIN|unix.EPOLLOUT, s.generation)
		case err != nil:
			p.end(s, err)
			return
		default:
			s.flushed += n
		}
	}
	switch {
	case s.flushed == len(s.out):
		p.recycle(s.out)
		s.out, s.flushed = nil, 0
	case s.flushed > len(s.out)/2: // so each byte is moved once, on average
		s.out = append(s.out[:0], s.out[s.flushed:]...)
		s.flushed = 0
	}
}

// read reads once: the kernel reports again what does not fit into the buffer.
func (p *epoll) read(s *session) {
	kept := len(s.in)
	if kept > len(p.buffer)/2 {
		p.buffer = make([]byte, 2*len(p.buffer))
	}
	copy(p.buffer, s.in)
	n, err := unix.Read(int(s.fd), p.buffer[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return
	case err != nil:
		p.end(s, err)
		return
	case n == 0:
		p.end(s, errHungUp)
		return
	}
	fd, generation := s.fd, s.generation
	data := p.buffer[:kept+n]
	used := p.received(s, data)
	if !p.holds(s, fd, generation) {
		return
	}
	if used == len(data) {
		p.recycle(s.in)
		s.in = nil
		return
	}
	if s.in == nil {
		s.in = p.takeSpare()
	}
	s.in = append(s.in[:0], data[used:]...)
}

func (p *epoll) end(s *session, err error) {
	p.hangUp(s)
	p.ended(s, err)
}

// Sessions share buffers, because few of them need one at the same time.
const maxSpare = 1024

func (p *epoll) recycle(b []byte) {
	if cap(b) > 0 && len(p.spare) < maxSpare {
		p.spare = append(p.spare, b[:0])
	}
}

func (p *epoll) takeSpare() []byte {
	if n := len(p.spare); n > 0 {
		b := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return b
	}
	return nil
}
