// Package worker runs swarms of clients in separate processes, because one process may not
// hold as many connections as a benchmark needs. The benchmark calls them over their
// standard input and output.
package worker

import (
	"errors"
	"io"
	"net/rpc"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/load"
)

// serviceName is the name of the service for calls.
const serviceName = "Swarm"

// nothing is for calls without an argument or an answer: the encoding of calls needs a
// value there.
type nothing = bool

const none nothing = false

// Serve runs a worker: it handles calls over conn, until that ends.
func Serve(conn io.ReadWriteCloser) error {
	s := &service{}
	server := rpc.NewServer()
	if err := server.RegisterName(serviceName, s); err != nil {
		return err
	}
	server.ServeConn(mortal{conn, s.close})
	return s.close()
}

// mortal detects that there is nothing more to read: then calls in progress have to end.
type mortal struct {
	io.ReadWriteCloser
	over func() error
}

func (m mortal) Read(p []byte) (int, error) {
	n, err := m.ReadWriteCloser.Read(p)
	if err != nil {
		m.over()
	}
	return n, err
}

// service has the methods that can be called.
type service struct {
	mu     sync.Mutex
	swarm  *load.Swarm // nil before Plan is called
	closed bool
}

var (
	errPlanned = errors.New("the worker has a plan")
	errNoPlan  = errors.New("the worker has no plan")
)

// close closes the swarm, which ends all calls.
func (s *service) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.swarm == nil {
		return nil
	}
	return s.swarm.Close()
}

// do calls f with the swarm.
func do[T any](s *service, reply *T, f func(*load.Swarm) (T, error)) error {
	s.mu.Lock()
	swarm := s.swarm
	s.mu.Unlock()
	if swarm == nil {
		return errNoPlan
	}
	var err error
	*reply, err = f(swarm)
	return err
}

// Plan makes the swarm. It is called first.
func (s *service) Plan(plan load.Plan, _ *nothing) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swarm != nil || s.closed {
		return errPlanned
	}
	s.swarm, err = load.New(plan)
	return err
}

func (s *service) Connect(_ nothing, reply *load.Tally) error {
	return do(s, reply, (*load.Swarm).Connect)
}

func (s *service) Settled(timeout time.Duration, reply *bool) error {
	return do(s, reply, func(w *load.Swarm) (bool, error) { return w.Settled(timeout) })
}

func (s *service) Publish(pace load.Pace, reply *nothing) error {
	return do(s, reply, func(w *load.Swarm) (nothing, error) { return none, w.Publish(pace) })
}

func (s *service) Begin(_ nothing, reply *load.Tally) error {
	return do(s, reply, (*load.Swarm).Begin)
}

func (s *service) End(_ nothing, reply *load.Tally) error {
	return do(s, reply, (*load.Swarm).End)
}

func (s *service) Tally(_ nothing, reply *load.Tally) error {
	return do(s, reply, (*load.Swarm).Tally)
}

func (s *service) Stop(_ nothing, reply *map[uint32]uint32) error {
	return do(s, reply, (*load.Swarm).Stop)
}

func (s *service) Drain(d Drain, reply *load.Report) error {
	return do(s, reply, func(w *load.Swarm) (load.Report, error) { return w.Drain(d.Sent, d.Silence) })
}

func (s *service) Ask(q load.Question, reply *load.Answers) error {
	return do(s, reply, func(w *load.Swarm) (load.Answers, error) { return w.Ask(q) })
}

func (s *service) StopAsking(_ nothing, reply *nothing) error {
	return do(s, reply, func(w *load.Swarm) (nothing, error) { return none, w.StopAsking() })
}

func (s *service) AwaitPings(_ nothing, reply *nothing) error {
	return do(s, reply, func(w *load.Swarm) (nothing, error) { return none, w.AwaitPings() })
}

// Drain are the arguments of [load.Swarm.Drain].
type Drain struct {
	Sent    map[uint32]uint32
	Silence time.Duration
}
