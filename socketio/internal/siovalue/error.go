package siovalue

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

var (
	errTooLarge = fmt.Errorf("more than %d bytes, the library's limit", types.MaxPayloadSize)
	errOnce     = errors.New("a reader that can be read only once cannot be kept: keep its bytes")
)

// Error says that a value cannot be encoded.
type Error struct {
	Err   error
	steps []string // the steps of the path to the place, innermost first
}

func (e *Error) Error() string { return e.Place("") + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Place returns the path to what cannot be encoded, as in `root[1].user.name`.
func (e *Error) Place(root string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, step := range slices.Backward(e.steps) {
		b.WriteString(step)
	}
	return b.String()
}

// PlaceInEvent returns the path if the value is an event, a list of a name and arguments:
// `args[1].user.name`.
func (e *Error) PlaceInEvent() string {
	if len(e.steps) == 0 {
		return "args"
	}
	within := *e
	within.steps = e.steps[:len(e.steps)-1]
	i, err := strconv.Atoi(strings.Trim(e.steps[len(e.steps)-1], "[]"))
	if err != nil || i == 0 {
		return e.Place("event")
	}
	return within.Place("args[" + strconv.Itoa(i-1) + "]")
}

// fail ends the encoding with an error.
func (e *encoder) fail(err error) result {
	e.err = &Error{Err: err}
	return failed
}

// at adds a step to the path of what has failed, from the inside out.
func (e *encoder) at(step string) result {
	e.err.steps = append(e.err.steps, step)
	return failed
}

func (e *encoder) atIndex(i int) result { return e.at("[" + strconv.Itoa(i) + "]") }

func (e *encoder) atMember(name string) result {
	for i, r := range name {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return e.at("[" + strconv.Quote(name) + "]")
		}
	}
	if name == "" {
		return e.at(`[""]`)
	}
	return e.at("." + name)
}
