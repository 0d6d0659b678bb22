package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/astyped"
	"github.com/socketmesh/mesh/internal/buildinfo"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the command has failed
	exitUsage  = 2 // the command line or the environment is wrong
)

// shutdownTime is the longest time for a clean stop of a command.
const shutdownTime = 5 * time.Second

// Groups of commands in the help, which sorts groups by name.
const (
	groupServers = "Run servers"
	groupOperate = "See and operate a mesh"
	groupTools   = "Tools"
	groupAbout   = "Version and completion"
)

// action is what a command does. It runs until ctx ends, and prints to out.
type action func(ctx context.Context, out, errOut io.Writer) error

// commands are the commands of the binary, in the order of the help.
func commands() []*cli.Command {
	return []*cli.Command{
		newCommand(groupServers, "demo", "run several servers that form a mesh, with a web page on each", demoCommand),
		newCommand(groupServers, "node", "run one server, which joins a mesh", nodeCommand),
		newCommand(groupServers, "discovery", "run the discovery service alone", discoveryCommand),
		newCommand(groupOperate, "nodes", "list the nodes of a mesh and their links; the exit status is 1 if it is not whole", nodesCommand),
		newCommand(groupOperate, "top", "show what the nodes of a mesh do, again and again", topCommand),
		newCommand(groupOperate, "rooms", "list rooms, the largest first", roomsCommand),
		newCommand(groupOperate, "sockets", "list clients' sockets", socketsCommand),
		newCommand(groupOperate, "explain", "say where an event for a room would go, why, and what it would cost", explainCommand),
		newCommand(groupOperate, "trace", "show messages as they pass, of all nodes, and how long they take", traceCommand),
		newCommand(groupOperate, "emit", "send an event to clients", emitCommand),
		newCommand(groupOperate, "drain", "let a node send its clients to the others", drainCommand),
		newCommand(groupOperate, "health", "ask a running node or discovery service for its health", healthCommand),
		newCommand(groupTools, "cert", "make certificates for TLS by an authority of your own, and renew them", certCommand),
		newCommand(groupTools, "bench", "measure clusters of servers, this one's and others'", benchCommand),
		newCommand(groupAbout, "version", "print the version of this binary and of what it is made of", versionCommand),
	}
}

// roles are the commands that `mesh demo` and `mesh bench` start processes with. They are
// hidden in the help.
func roles() []*cli.Command {
	roles := []*cli.Command{
		newCommand("", demoServerRole, "be one server of mesh demo, which is told what to be on the standard input", demoServerCommand),
		newCommand("", "bench-server", "be one server of mesh bench", benchServerCommand),
		newCommand("", "bench-link", "be one end of a link of mesh bench", benchLinkCommand),
		newCommand("", "bench-worker", "be clients of mesh bench, which are told what to do on the standard input", benchWorkerCommand),
	}
	for _, role := range roles {
		role.Hidden = true
	}
	return roles
}

// newCommand makes a command. define declares its flags and returns its action.
func newCommand(group, name, summary string, define func(*flags) action) *cli.Command {
	f := &flags{}
	do := define(f)
	return &cli.Command{
		Name:      name,
		Usage:     summary,
		Category:  group,
		Flags:     f.list,
		Arguments: f.arguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("unexpected argument %q", cmd.Args().First())
			}
			for _, take := range f.parsed {
				take()
			}
			if err := do(ctx, cmd.Root().Writer, cmd.Root().ErrWriter); err != nil {
				return &actionError{err}
			}
			return nil
		},
		OnUsageError: asIs,
	}
}

// actionError is an error of an action. All other errors are about the command line or the
// environment.
type actionError struct{ err error }

func (e *actionError) Error() string { return e.err.Error() }
func (e *actionError) Unwrap() error { return e.err }

// Errors of the command line library that are replaced by clearer ones.
var (
	unknownFlag = regexp.MustCompile(`^flag provided but not defined: -+(.*)$`)
	badFlag     = regexp.MustCompile(`^invalid value (".*") for flag -+(\S+): (.*)$`)
	badVariable = regexp.MustCompile(`^could not parse (".*") as \S+ value from environment variable (\S+) for flag (\S+): (.*)$`)
)

// explainFlagError suggests the flag that was meant, or says what is allowed.
func explainFlagError(cmd *cli.Command, err error) error {
	text := err.Error()
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		if meant := cli.SuggestFlag(cmd.Flags, m[1], false); meant != "" {
			return fmt.Errorf("there is no flag --%s; did you mean %s?", m[1], meant)
		}
		return fmt.Errorf("there is no flag --%s", m[1])
	}
	if m := badFlag.FindStringSubmatch(text); m != nil {
		return badValue(cmd, m[2], "--"+m[2], m[1], m[3])
	}
	if m := badVariable.FindStringSubmatch(text); m != nil {
		return badValue(cmd, m[3], m[2], m[1], m[4])
	}
	return err
}

// badValue says what a flag accepts, in the words of its validator.
func badValue(cmd *cli.Command, flag, written, value, cause string) error {
	want := cause
	for _, f := range cmd.Flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), flag) && !strings.HasPrefix(cause, wantPrefix) {
			switch doc.TypeName() {
			case "int":
				want = wantPrefix + "a whole number"
			case "bool":
				want = wantPrefix + "true or false"
			}
		}
	}
	return fmt.Errorf("%s: %s is not allowed: %s", written, value, want)
}

// wantPrefix is the beginning of validators' messages.
const wantPrefix = "want "

// newRoot makes the root command.
func newRoot(out, errOut io.Writer) *cli.Command {
	return &cli.Command{
		Name:                  "mesh",
		Usage:                 "join Socket.IO servers into one cluster, without a broker",
		Version:               buildinfo.Version(),
		Commands:              slices.Concat(commands(), roles()),
		Writer:                out,
		ErrWriter:             errOut,
		Suggest:               true,
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(cmd *cli.Command) {
			cmd.Hidden = false
			cmd.Category = groupAbout
			cmd.Usage = "print a script that completes commands and flags in bash, zsh, fish or pwsh"
		},
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // run prints the error and returns the code
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return noCommand(cmd, cmd.Args().First())
			}
			return errNoCommand
		},
		OnUsageError: asIs,
	}
}

// asIs passes an error of the command line on to run.
func asIs(_ context.Context, _ *cli.Command, err error, _ bool) error { return err }

var errNoCommand = errors.New("which command?")

func noCommand(root *cli.Command, name string) error {
	if meant := cli.SuggestCommand(root.VisibleCommands(), name); meant != "" {
		return fmt.Errorf("there is no command %q; did you mean %q?", name, meant)
	}
	return fmt.Errorf("there is no command %q", name)
}

// run runs the command in args and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := newRoot(out, errOut)
	err := root.Run(ctx, append([]string{root.Name}, args...))
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errNoCommand) {
		root.Writer = errOut
		_ = cli.ShowRootCommandHelp(root)
		return exitUsage
	}
	if len(args) > 1 && args[0] == "help" {
		err = noCommand(root, args[1])
	}
	command, help := root.Name, root.Name+" help"
	if len(args) > 0 && root.Command(args[0]) != nil && args[0] != "help" {
		command, help = command+" "+args[0], help+" "+args[0]
		err = explainFlagError(root.Command(args[0]), err)
		err = asFlag(args[1:], asWritten(root.Command(args[0]), args[1:], err))
	}
	fmt.Fprintf(errOut, "%s: %s\n", command, printableLines(err.Error())) // servers may influence the text
	if _, failed := errors.AsType[*actionError](err); failed {
		if _, bad := errors.AsType[*core.ConfigError](err); bad {
			return exitUsage
		}
		return exitFailed
	}
	fmt.Fprintf(errOut, "see %s\n", help)
	return exitUsage
}

// fieldFlags are the flags for fields of mesh.Config.
var fieldFlags = map[string]string{
	"Listen": "mesh-listen", "Advertise": "advertise", "OpsListen": "ops-listen", "Transport": "transport", "Codec": "codec",
	"Discovery": "discovery", "DiscoveryAddress": "discovery", "Peers": "peers",
	"AuthToken": "auth-token", "AuthTokenFile": "auth-token-file", "AcceptToken": "accept-token",
	"TLS.CertFile": "tls-cert", "TLS.KeyFile": "tls-key", "TLS.CAFile": "tls-ca", "TLS.ServerName": "tls-server-name",
}

// asFlag names the flag for a field of mesh.Config that is not allowed, if it was
// written: who has typed --mesh-listen need not know Listen.
func asFlag(args []string, err error) error {
	bad, ok := errors.AsType[*core.ConfigError](err)
	if !ok {
		return err
	}
	field, index, _ := strings.Cut(bad.Field, "[")
	if index != "" {
		index = "[" + index
	}
	flag, known := fieldFlags[field]
	if !known {
		return err
	}
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if name != "--"+flag && name != "-"+flag {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		written := *bad
		written.Field = "--" + flag + index
		if flag == "discovery" && index == "" {
			written.Value = value // "dns:" is no part of the field
		}
		return &actionError{&written}
	}
	return err
}

// asWritten shows a number or duration that a command does not allow as it was
// written, in the flag or the variable that was read for it.
func asWritten(cmd *cli.Command, args []string, err error) error {
	bad, ok := errors.AsType[*core.ConfigError](err)
	if !ok || !astyped.IsNumber(bad.Value) {
		return err
	}
	name, isFlag := strings.CutPrefix(bad.Field, "--")
	if !isFlag {
		return err
	}
	written := *bad
	for _, f := range cmd.Flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			for _, env := range doc.GetEnvVars() {
				if value, set := variable(env).Lookup(); set {
					written.Field, written.Value = env, astyped.Text(value)
					break
				}
			}
		}
	}
	for i, arg := range args {
		flag, value, joined := strings.Cut(arg, "=")
		if flag != bad.Field && flag != "-"+name {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		written.Field, written.Value = bad.Field, astyped.Text(value)
	}
	return &actionError{&written}
}

// usageError is the error of a flag's bad value.
func usageError(flag string, value any, allowed string) error {
	return &core.ConfigError{Field: flag, Value: value, Allowed: allowed}
}
