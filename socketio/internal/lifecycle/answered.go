package lifecycle

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// answered is the name of the event that an acknowledgement answers. It stands behind the
// acknowledgement's values, where only [Answered] looks: the library passes the list on to
// the encoder as it is, and nothing else that tells whose answer this is.
type answered types.EventName

// Answered is the name of the event that an acknowledgement with these values answers, ""
// if it is not known.
func Answered(values []any) string {
	if len(values) == cap(values) {
		return ""
	}
	name, _ := values[:len(values)+1][len(values)].(answered)
	return string(name)
}

// named are the arguments of an event. If the last one is the function that sends an
// acknowledgement, the values that it is called with get the event's name.
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
