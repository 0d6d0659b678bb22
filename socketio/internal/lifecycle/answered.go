package lifecycle

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// answered is the name of the event that an acknowledgement answers. It is stored in the
// slice of the acknowledgement's values, behind their length, where only [Answered] looks.
// The library passes that slice on to the encoder as it is, and nothing else that names the
// event.
type answered types.EventName

// Answered returns the name of the event that an acknowledgement with these values answers,
// "" if it is not known.
func Answered(values []any) string {
	if len(values) == cap(values) {
		return ""
	}
	name, _ := values[:len(values)+1][len(values)].(answered)
	return string(name)
}

// named returns the arguments of an event. If the last one is the function that sends an
// acknowledgement, it adds the event's name to the values that this function is called
// with.
func named(event types.EventName, args []any) []any {
	last := len(args) - 1
	if last < 0 {
		return args
	}
	ack, ok := args[last].(socket.Ack)
	if !ok {
		return args
	}
	args = slices.Clone(args)
	args[last] = socket.Ack(func(values []any, err error) {
		if n := len(values); n > 0 {
			values = append(slices.Clip(values), answered(event))[:n]
		}
		ack(values, err)
	})
	return args
}
