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

// flags are the flags of one command. Every one can be set by an environment
// variable too; the flag wins, and an empty variable is none.
type flags struct {
	list      []cli.Flag
	arguments []cli.Argument
	parsed    []func() // what is done with arguments, once they are known
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

// size is a number of bytes.
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

// port is a number that can be a port; 0 picks a free one.
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

// argument is a flag whose value may come first, by itself.
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

// words are what follows the flags.
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

// given tells whether the flag is on the command line.
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

// readElsewhere is a variable that the help lists with a flag and that does not set
// it.
type readElsewhere struct{ variable }

func (readElsewhere) Lookup() (string, bool) { return "", false }

// Flags whose values are written as people write them, as in the environment of
// mesh.ConfigFromEnv.
type (
	numberFlag   = cli.FlagBase[int, cli.NoConfig, written[int, asNumber]]
	sizeFlag     = cli.FlagBase[int, cli.NoConfig, written[int, asSize]]
	durationFlag = cli.FlagBase[time.Duration, cli.NoConfig, written[time.Duration, asDuration]]
)

// syntax is how a T is written, and what is said of one that is not.
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

// written is the value of a flag that a syntax reads.
type written[T any, S syntax[T]] struct{ value *T }

// Create is cli.ValueCreator's.
func (written[T, S]) Create(value T, destination *T, _ cli.NoConfig) cli.Value {
	*destination = value
	return &written[T, S]{destination}
}

// ToString shows a default.
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
