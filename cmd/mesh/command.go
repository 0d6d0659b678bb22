package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried, and did not work
	exitUsage  = 2 // the command line or the environment is wrong
)

// shutdownTime is how long a command takes at most to stop cleanly.
const shutdownTime = 5 * time.Second

// command is one of the things the binary does.
type command struct {
	name    string
	summary string
	// define declares the flags and returns what is done once they are parsed.
	// That runs until ctx ends, and prints to out.
	define func(f *flags) action
}

type action func(ctx context.Context, out, errOut io.Writer) error

var commands = []command{
	{"demo", "run several servers that form a mesh, with a web page on each", demoCommand},
	{"node", "run one server, which joins a mesh", nodeCommand},
	{"discovery", "run the discovery service alone", discoveryCommand},
	{"cert", "make certificates with which to try TLS", certCommand},
	{"bench", "measure clusters of servers, this one's and others'", benchCommand},
}

// roles are what `mesh bench` starts processes for; nobody needs to know them.
var roles = []command{
	{"bench-server", "be one server of mesh bench", benchServerCommand},
	{"bench-link", "be one end of a link of mesh bench", benchLinkCommand},
	{"bench-worker", "be clients of mesh bench, which are told what to do on the standard input", benchWorkerCommand},
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		usage(errOut)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(args, out, errOut)
	}
	c := find(name)
	if c == nil {
		fmt.Fprintf(errOut, "mesh: there is no command %q\n\n", name)
		usage(errOut)
		return exitUsage
	}
	f := newFlags(c)
	do := c.define(f)
	switch err := f.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.usage(out)
		return exitOK
	case err != nil:
		fmt.Fprintf(errOut, "mesh %s: %v\nmesh help %s lists the flags\n", c.name, err, c.name)
		return exitUsage
	}
	if err := do(ctx, out, errOut); err != nil {
		fmt.Fprintf(errOut, "mesh %s: %v\n", c.name, err)
		if _, bad := errors.AsType[*core.ConfigError](err); bad {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

func find(name string) *command {
	for _, list := range [][]command{commands, roles} {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func help(args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		usage(out)
		return exitOK
	}
	c := find(args[0])
	if c == nil {
		fmt.Fprintf(errOut, "mesh: there is no command %q\n\n", args[0])
		usage(errOut)
		return exitUsage
	}
	f := newFlags(c)
	c.define(f)
	f.usage(out)
	return exitOK
}

func usage(w io.Writer) {
	var b strings.Builder
	b.WriteString("mesh joins Socket.IO servers into one cluster, without a broker\n\nusage: mesh <command> [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.summary)
	}
	b.WriteString("\nmesh help <command> lists a command's flags\n")
	io.WriteString(w, b.String())
}
