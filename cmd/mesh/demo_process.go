package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// demoProcess is the demo's handle of a server's process.
type demoProcess struct {
	number  int
	ready   demoReady // set when waitReady has returned
	cmd     *exec.Cmd
	input   io.WriteCloser // closing it ends the server
	answers chan demoReady // has capacity 1
	gone    chan struct{}  // closed when the process has ended
	err     error          // the error of the process, set when gone is closed
}

// startDemoProcess starts a process of this program. When the process ends it is sent to
// ended, which must have space for it.
func startDemoProcess(setup demoSetup, errOut io.Writer, ended chan<- *demoProcess) (*demoProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1026 Config.TLS.Config, which has functions, is nil: the demo names files
	text, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	p := &demoProcess{cmd: exec.Command(self, demoServerRole), answers: make(chan demoReady, 1), gone: make(chan struct{})}
	p.cmd.Stderr = errOut
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // stopDemoProcesses waits for it
		p.read(output)
		p.err = p.cmd.Wait()
		close(p.gone)
		ended <- p
	}()
	// A process that ends before it has read this reports why itself.
	_, _ = p.input.Write(append(text, '\n'))
	return p, nil
}

// read reads the answer, and then until the output ends.
func (p *demoProcess) read(output io.Reader) {
	lines := bufio.NewReader(output)
	var ready demoReady
	if line, err := lines.ReadBytes('\n'); err == nil && json.Unmarshal(line, &ready) == nil {
		p.answers <- ready
	}
	io.Copy(io.Discard, lines)
}

// waitReady waits until the server is ready.
func (p *demoProcess) waitReady(ctx context.Context) error {
	select {
	case p.ready = <-p.answers:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.gone:
		select {
		case p.ready = <-p.answers: // it was sent just before
		default:
			return fmt.Errorf("its process %s before it was ready", p.how())
		}
	}
	if p.ready.Bad != nil {
		return p.ready.Bad
	}
	if p.ready.Error != "" {
		return errors.New(p.ready.Error)
	}
	return nil
}

func (p *demoProcess) id() int { return p.cmd.Process.Pid }

// how returns how a process has ended.
func (p *demoProcess) how() string {
	if p.err == nil {
		return "has stopped"
	}
	return fmt.Sprintf("is gone (%v)", p.err)
}

// stopDemoProcesses stops processes, and kills those that do not stop in time.
func stopDemoProcesses(processes []*demoProcess, errOut io.Writer) {
	for _, p := range processes {
		p.input.Close()
	}
	limit := time.NewTimer(shutdownTime + 2*time.Second)
	defer limit.Stop()
	for _, p := range processes {
		select {
		case <-p.gone:
			continue
		case <-limit.C:
			limit.Reset(0) // the time is over for all
		}
		fmt.Fprintf(errOut, "mesh: server %d does not stop: killed\n", p.number)
		_ = p.cmd.Process.Kill() // an error means that it has ended
		<-p.gone
	}
}
