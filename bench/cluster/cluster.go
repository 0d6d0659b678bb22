package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/socketmesh/mesh/discovery/service"
)

// Options are the options for starting clusters.
type Options struct {
	// Self is the command, with its first arguments, that runs one of our servers.
	Self []string
	// Folder is the folder bench of a checkout, which contains the other servers.
	Folder string
	// MeshFlags are passed to each of our servers in a mesh.
	MeshFlags []string
	// Processors is the GOMAXPROCS of each of our servers. 0: all processors.
	Processors int
}

// startTime is the longest time in which servers must become usable.
const startTime = 30 * time.Second

// Cluster is a set of servers that were started, or that are known only by URL.
type Cluster struct {
	URLs      []string
	processes []*process
	broker    *process
	discovery *service.Server // of a mesh
}

// At returns a cluster that runs already; Stop does not stop it.
func At(urls []string) *Cluster { return &Cluster{URLs: urls} }

// Start starts servers, all or none. ctx limits the call.
func Start(ctx context.Context, p Preset, servers int, o Options) (*Cluster, error) {
	if p.Single {
		servers = 1
	}
	if p.prepare != nil {
		if err := p.prepare(ctx, &o); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	c := &Cluster{}
	if err := c.start(ctx, p, servers, o); err != nil {
		c.Stop()
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, p Preset, servers int, o Options) error {
	e := environment{servers: servers}
	if p.redis {
		address, err := c.startRedis(ctx)
		if err != nil {
			return err
		}
		e.redis = "redis://" + address
	}
	if p.mesh {
		e.token = rand.Text() // QUIC needs a token
		c.discovery = service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0", AuthToken: e.token})
		if err := c.discovery.Start(ctx); err != nil {
			c.discovery = nil
			return err
		}
		e.discovery = "ws://" + c.discovery.Addr()
	}
	processes, each := servers, 1
	if p.inOne {
		processes, each = 1, servers
	}
	for range processes {
		s, err := startProcess(p.command(&o, e))
		if err != nil {
			return err
		}
		c.processes = append(c.processes, s)
	}
	for _, s := range c.processes {
		for range each {
			url, err := s.line(ctx, "listening ")
			if err != nil {
				return err
			}
			c.URLs = append(c.URLs, url)
		}
	}
	return nil
}

// startRedis starts a Redis that writes nothing to disk, and returns when it answers.
func (c *Cluster) startRedis(ctx context.Context) (string, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("redis-server: %w", ErrNotSetUp)
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	host, port, _ := net.SplitHostPort(address)
	c.broker, err = startProcess(exec.Command(path, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", "/"))
	if err != nil {
		return "", err
	}
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
			return address, nil
		}
		if err := c.broker.err(); err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("redis-server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddress returns an address with a free port.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Err returns an error if a process of the cluster has ended.
func (c *Cluster) Err() error {
	var errs []error
	for _, p := range c.all() {
		errs = append(errs, p.err())
	}
	return errors.Join(errs...)
}

func (c *Cluster) all() []*process {
	if c.broker == nil {
		return c.processes
	}
	return append([]*process{c.broker}, c.processes...)
}

// Sample returns what the cluster has used so far.
func (c *Cluster) Sample(ctx context.Context) Sample {
	s := Sample{Mesh: c.traffic(ctx)}
	s.Servers, s.Known = usageOf(groups(c.processes))
	s.Known = s.Known && len(c.processes) > 0
	if c.broker != nil {
		s.Broker, _ = usageOf(groups([]*process{c.broker}))
	}
	return s
}

func groups(processes []*process) map[int]bool {
	ids := map[int]bool{}
	for _, p := range processes {
		ids[p.cmd.Process.Pid] = true
	}
	return ids
}

// Stop stops everything that Start has started.
func (c *Cluster) Stop() {
	var work sync.WaitGroup
	for _, p := range c.processes {
		work.Go(p.stop)
	}
	work.Wait()
	if c.broker != nil {
		c.broker.stop()
	}
	if c.discovery != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		c.discovery.Shutdown(ctx)
	}
}
