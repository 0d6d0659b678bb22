package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// demoServerRole is the command of a demo's server processes.
const demoServerRole = "demo-server"

// demoSetup is the configuration of such a process: a line of JSON on its standard input,
// where other users cannot see the secrets. The end of the input ends the server.
type demoSetup struct {
	Host string
	Port int
	Mesh mesh.Config
	Made demoSecrets
	Log  logSettings
	Add  string // command line that adds a server, for the page; "" if there is none
}

// demoReady is the answer of the process: a line of JSON on the standard output.
type demoReady struct {
	URL   string // of the page
	Mesh  string // the address for other servers
	Ops   string // URL for operators
	Error string // why the server did not start; "" if it did

	// Bad is the same error, if it is one of the configuration.
	Bad *core.ConfigError
}

func demoServerCommand(*flags) action {
	return func(ctx context.Context, out, errOut io.Writer) error {
		// Ctrl-C reaches all processes of a terminal; the demo itself ends its servers.
		signal.Ignore(os.Interrupt)
		input := bufio.NewReader(os.Stdin)
		line, err := input.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("reading the setup, which mesh demo writes: %w", err)
		}
		var setup demoSetup
		if err := json.Unmarshal(line, &setup); err != nil {
			return fmt.Errorf("reading the setup, which mesh demo writes: %w", err)
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		// This goroutine ends with the process. The input ends when the demo closes it, and
		// when the demo's process ends for any reason.
		go func() {
			io.Copy(io.Discard, input)
			stop()
			time.AfterFunc(shutdownTime+time.Second, func() { os.Exit(exitFailed) })
		}()
		s, err := startDemoServer(ctx, setup, stop, errOut)
		ready := demoReady{}
		if err != nil {
			ready.Error = err.Error()
			ready.Bad, _ = errors.AsType[*core.ConfigError](err)
		} else {
			defer shutdownAll([]*server{s}, errOut)
			ready.URL, ready.Mesh = s.url, s.mesh.Advertised()
			ready.Ops = opsURL(s.mesh.OpsAddr(), setup.Mesh.TLS.CertFile != "")
		}
		if err := json.NewEncoder(out).Encode(ready); err != nil || ready.Error != "" {
			return err // the demo reports the other error
		}
		<-ctx.Done()
		return nil
	}
}

func startDemoServer(ctx context.Context, setup demoSetup, stop func(), errOut io.Writer) (*server, error) {
	log, err := setup.Log.logger(errOut)
	if err != nil {
		return nil, err
	}
	if err := setup.Made.apply(&setup.Mesh); err != nil {
		return nil, err
	}
	return startServer(ctx, serverOptions{
		host: setup.Host,
		port: setup.Port,
		mesh: setup.Mesh,
		log:  log,
		demo: &demoControls{add: setup.Add, stop: stop, locked: setup.Mesh.TLS.CertFile != "" || setup.Made.Cert != nil},
	})
}
