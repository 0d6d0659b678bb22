package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/socketmesh/mesh/internal/astyped"
	"github.com/socketmesh/mesh/internal/human"
)

// flags are the flags of one command. Each can also be set by an environment variable; the
// flag wins, and an empty variable counts as not set.
type flags struct {
	list      []cli.Flag
	arguments []cli.Argument
	parsed    []func() // what to do with arguments after parsing
}

func (f *flags) text(name, value, usage, env string) *string {
	text := new(string)
	f.list = append(f.list, &cli.StringFlag{Name: name, Value: value, Usage: usage, Sources: sourceOf(env), Destination: text})
	return text
}

func (f *flags) number(name string, value int, usage, env string) *int {
	number := new(int)
	f.list = append(f.list, &numberFlag{Name: name, Value: value, Usage: usage, Sources: sourceOf(env), Destination: number})
	return number
}

// size declares a flag with a number of bytes.
func (f *flags) size(name string, value int, usage, env string) *int {
	size := new(int)
	f.list = append(f.list, &sizeFlag{Name: name, Value: value, Usage: usage, Sources: sourceOf(env), Destination: size})
	return size
}

func (f *flags) boolean(name, usage, env string) *bool {
	on := new(bool)
	f.list = append(f.list, &cli.BoolFlag{Name: name, Usage: usage, Sources: sourceOf(env), Destination: on})
	return on
}

func (f *flags) duration(name string, value time.Duration, usage, env string) *time.Duration {
	d := new(time.Duration)
	f.list = append(f.list, &durationFlag{Name: name, Value: value, Usage: usage, Sources: sourceOf(env), Destination: d})
	return d
}

// port declares a flag with a port; 0 picks a free one.
func (f *flags) port(name string, value int, usage, env string) *int {
	port := new(int)
	f.list = append(f.list, &cli.IntFlag{
		Name: name, Value: value, Usage: usage, Sources: sourceOf(env), Destination: port,
		Validator: func(port int) error {
			if port < 0 || port > 65535 {
				return errors.New(wantPrefix + "a port between 0 and 65535")
			}
			return nil
		},
	})
	return port
}

// argument declares a flag whose value may also be the first argument.
func (f *flags) argument(name, value, usage, env string) *string {
	text, given := f.text(name, value, usage, env), new(string)
	f.arguments = append(f.arguments, &cli.StringArg{Name: name, UsageText: "[" + name + "]", Destination: given})
	f.parsed = append(f.parsed, func() {
		if *given != "" {
			*text = *given
		}
	})
	return text
}

// words declares the arguments after the flags.
func (f *flags) words(name, usage string) *[]string {
	words := new([]string)
	f.arguments = append(f.arguments, &cli.StringArgs{Name: name, UsageText: usage, Max: -1, Destination: words})
	return words
}

// option is a flag for a field of mesh.Config, whose variables mesh.ConfigFromEnv
// reads.
type option struct {
	flag  *cli.StringFlag
	value string
}

// given reports whether the flag is on the command line.
func (o *option) given() bool { return o.flag.IsSet() }

func (f *flags) option(name, usage string, env ...string) *option {
	o := &option{}
	o.flag = &cli.StringFlag{Name: name, Usage: usage, Destination: &o.value}
	for _, name := range env {
		o.flag.Sources.Chain = append(o.flag.Sources.Chain, readElsewhere{variable(name)})
	}
	f.list = append(f.list, o.flag)
	return o
}

// variable is an environment variable that sets a flag.
type variable string

var _ cli.EnvValueSource = variable("")

func sourceOf(env string) cli.ValueSourceChain { return cli.NewValueSourceChain(variable(env)) }

func (v variable) Lookup() (string, bool) {
	value := strings.TrimSpace(os.Getenv(string(v)))
	return value, value != ""
}

func (v variable) Key() string      { return string(v) }
func (variable) IsFromEnv() bool    { return true }
func (v variable) String() string   { return "environment variable " + string(v) }
func (v variable) GoString() string { return fmt.Sprintf("variable(%q)", string(v)) }

// readElsewhere is a variable that the help lists with a flag, but that does not set the
// flag.
type readElsewhere struct{ variable }

func (readElsewhere) Lookup() (string, bool) { return "", false }

// Flags whose values have the syntax of the environment variables of mesh.ConfigFromEnv.
type (
	numberFlag   = cli.FlagBase[int, cli.NoConfig, written[int, asNumber]]
	sizeFlag     = cli.FlagBase[int, cli.NoConfig, written[int, asSize]]
	durationFlag = cli.FlagBase[time.Duration, cli.NoConfig, written[time.Duration, asDuration]]
)

// syntax parses a T, and says what is allowed.
type syntax[T any] interface {
	parse(text string) (T, error)
	allowed() string
}

type (
	asNumber   struct{}
	asSize     struct{}
	asDuration struct{}
)

func (asNumber) parse(text string) (int, error) { return human.ParseNumber(text) }
func (asNumber) allowed() string                { return human.AllowedNumber }

func (asSize) parse(text string) (int, error) { return human.ParseSize(text) }
func (asSize) allowed() string                { return human.AllowedSize }

func (asDuration) parse(text string) (time.Duration, error) { return human.ParseDuration(text) }
func (asDuration) allowed() string                          { return human.AllowedDuration }

// written is the value of a flag with a syntax.
type written[T any, S syntax[T]] struct{ value *T }

// Create implements cli.ValueCreator.
func (written[T, S]) Create(value T, destination *T, _ cli.NoConfig) cli.Value {
	*destination = value
	return &written[T, S]{destination}
}

// ToString implements cli.ValueCreator: it formats a default.
func (written[T, S]) ToString(value T) string { return astyped.Show(value) }

func (w *written[T, S]) Set(text string) error {
	var s S
	value, err := s.parse(text)
	if err != nil {
		return errors.New(wantPrefix + s.allowed())
	}
	*w.value = value
	return nil
}

func (w *written[T, S]) Get() any       { return *w.value }
func (w *written[T, S]) String() string { return fmt.Sprint(*w.value) }
