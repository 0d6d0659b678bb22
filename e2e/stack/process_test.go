package stack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/static"
	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
)

// orderVariable tells this test's binary to be a node, and which.
const orderVariable = "MESH_STACK_NODE"

// order is what such a process is told, as JSON.
type order struct {
	ID, Transport, Codec string
	Identity             identity
	Peers                []string
}

// process is a victim over sockets.
type process struct {
	w   *world
	cmd *exec.Cmd
	in  io.Closer
	log *bytes.Buffer // to be read when the process has ended
}

func (w *world) spawn(id string, peers []string) victim {
	w.Helper()
	whoami, err := certificate()
	if err != nil {
		w.Fatal(err)
	}
	text, err := json.Marshal(order{ID: id, Transport: w.transport, Codec: w.codec, Identity: whoami, Peers: peers})
	if err != nil {
		w.Fatal(err)
	}
	p := &process{w: w, cmd: exec.Command(os.Args[0]), log: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
	p.cmd.Stderr = p.log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		w.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		p.kill()
		if w.Failed() {
			w.Logf("log of %s:\n%s", id, p.log)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		w.Fatalf("%s has not started: %q, %v", id, line, err)
	}
	return p
}

// serve is a process that is told to be a node. It ends with the one that has
// started it, or before.
func serve(text string) (code int) {
	if err := serveOrder(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveOrder(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	transport, err := newTransport(o.Transport, o.Identity)
	if err != nil {
		return err
	}
	n, err := node.New(core.Config{
		ID: o.ID, Listen: "127.0.0.1:0", Advertise: o.Transport + "://127.0.0.1:0",
		Transport: transport,
		Codecs:    []core.Codec{newCodec(o.Codec)},
		Discovery: static.New(static.Options{Peers: o.Peers}),
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, cluster.New)
	if err != nil {
		return err
	}
	stop, err := live(n)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println("started")
	io.Copy(io.Discard, os.Stdin) // until the test is over
	return nil
}

func (p *process) signal(s syscall.Signal) {
	p.w.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.w.Fatal(err)
	}
}

// hang returns when all threads have stopped.
func (p *process) hang() {
	p.w.Helper()
	p.signal(syscall.SIGSTOP)
	p.w.eventually(func() error {
		if !procs.Stopped(p.cmd.Process.Pid) {
			return errors.New("the process has not stopped")
		}
		return nil
	})
}

func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.in.Close()
}
