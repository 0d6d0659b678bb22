// Package worker has swarms of clients in processes of their own, since one
// process may not hold as many connections as a benchmark needs. The benchmark
// calls them over their standard input and output.
package worker

import (
	"errors"
	"io"
	"net/rpc"
	"time"

	"github.com/socketmesh/mesh/internal/load"
)

// serviceName is that of the calls.
const serviceName = "Swarm"

// nothing is where a call has no argument or no answer: the calls' encoding
// needs something there.
type nothing = bool

const none nothing = false

// Serve is the life of a worker: it does what it is called for over conn, until
// that ends.
func Serve(conn io.ReadWriteCloser) error {
	s := &service{}
	server := rpc.NewServer()
	if err := server.RegisterName(serviceName, s); err != nil {
		return err
	}
	server.ServeConn(conn)
	if s.swarm != nil {
		return s.swarm.Close()
	}
	return nil
}

// service is what can be called.
type service struct {
	swarm *load.Swarm // set by the first call, Plan; others follow its answer
}

// Plan comes first, and alone.
func (s *service) Plan(plan load.Plan, _ *nothing) (err error) {
	if s.swarm != nil {
		return errors.New("the worker has a plan")
	}
	s.swarm, err = load.New(plan)
	return err
}

func (s *service) Connect(_ nothing, reply *load.Tally) (err error) {
	*reply, err = s.swarm.Connect()
	return err
}

func (s *service) Settled(timeout time.Duration, reply *bool) (err error) {
	*reply, err = s.swarm.Settled(timeout)
	return err
}

func (s *service) Publish(pace load.Pace, _ *nothing) error { return s.swarm.Publish(pace) }

func (s *service) Begin(_ nothing, reply *load.Tally) (err error) {
	*reply, err = s.swarm.Begin()
	return err
}

func (s *service) End(_ nothing, reply *load.Tally) (err error) {
	*reply, err = s.swarm.End()
	return err
}

func (s *service) Tally(_ nothing, reply *load.Tally) (err error) {
	*reply, err = s.swarm.Tally()
	return err
}

func (s *service) Stop(_ nothing, reply *map[uint32]uint32) (err error) {
	*reply, err = s.swarm.Stop()
	return err
}

func (s *service) Drain(d Drain, reply *load.Report) (err error) {
	*reply, err = s.swarm.Drain(d.Sent, d.Silence)
	return err
}

func (s *service) Ask(q load.Question, reply *load.Answers) (err error) {
	*reply, err = s.swarm.Ask(q)
	return err
}

// Drain is what [load.Swarm.Drain] is called with.
type Drain struct {
	Sent    map[uint32]uint32
	Silence time.Duration
}
