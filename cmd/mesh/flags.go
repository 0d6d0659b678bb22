package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// flags are the flags of one command. Every one can be set by environment
// variables too; the flag wins.
type flags struct {
	command *command
	set     *flag.FlagSet
	env     map[string]string // flag -> its variable, which parse reads
	config  map[string]string // flag -> its variables, which mesh.ConfigFromEnv reads
	given   map[string]bool   // flags that are on the command line
	first   string            // flag whose value may come first, by itself
}

func newFlags(c *command) *flags {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are reported by run
	set.Usage = func() {}
	return &flags{command: c, set: set, env: map[string]string{}, config: map[string]string{}, given: map[string]bool{}}
}

func (f *flags) text(name, value, usage string, env string) *string {
	f.env[name] = env
	return f.set.String(name, value, usage)
}

func (f *flags) number(name string, value int, usage string, env string) *int {
	f.env[name] = env
	return f.set.Int(name, value, usage)
}

func (f *flags) boolean(name, usage string, env string) *bool {
	f.env[name] = env
	return f.set.Bool(name, false, usage)
}

func (f *flags) duration(name string, value time.Duration, usage string, env string) *time.Duration {
	f.env[name] = env
	return f.set.Duration(name, value, usage)
}

// port is a number that can be a port; 0 picks a free one.
func (f *flags) port(name string, value int, usage string, env string) *int {
	f.env[name] = env
	p := portValue(value)
	f.set.Var(&p, name, usage)
	return (*int)(&p)
}

// option is a field of mesh.Config, which the flag sets if it is given, and its
// variables otherwise.
func (f *flags) option(name, usage, env string) *string {
	f.config[name] = env
	return f.set.String(name, "", usage)
}

// parse reads args, and the environment for what is not given there.
func (f *flags) parse(args []string) error {
	if f.first != "" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append([]string{"--" + f.first, args[0]}, args[1:]...)
	}
	if err := f.set.Parse(args); err != nil {
		return err
	}
	if f.set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.set.Arg(0))
	}
	f.set.Visit(func(set *flag.Flag) { f.given[set.Name] = true })
	var bad error
	f.set.VisitAll(func(declared *flag.Flag) {
		variable := f.env[declared.Name]
		value := os.Getenv(variable)
		if value == "" || f.given[declared.Name] || bad != nil {
			return
		}
		if err := f.set.Set(declared.Name, value); err != nil {
			bad = fmt.Errorf("invalid value %q for %s: %w", value, variable, err)
		}
	})
	return bad
}

// usage lists the flags with their defaults and variables.
func (f *flags) usage(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "mesh %s: %s\n\n", f.command.name, f.command.summary)
	f.set.VisitAll(func(declared *flag.Flag) {
		fmt.Fprintf(&b, "  --%-16s %s", declared.Name, declared.Usage)
		if declared.DefValue != "" {
			fmt.Fprintf(&b, " (default %s)", declared.DefValue)
		}
		fmt.Fprintf(&b, " [%s]\n", cmp.Or(f.env[declared.Name], f.config[declared.Name]))
	})
	io.WriteString(w, b.String())
}

// portValue is a flag.Value.
type portValue int

var _ flag.Value = (*portValue)(nil)

// String and Set are what package flag calls.
func (p *portValue) String() string { return strconv.Itoa(int(*p)) }

func (p *portValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return errors.New("want a port between 0 and 65535")
	}
	*p = portValue(n)
	return nil
}
