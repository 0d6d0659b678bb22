package codectest

import "github.com/socketmesh/mesh/core"

// Option says how a codec may differ from the contract.
type Option func(*options)

type options struct {
	reference bool
}

func optionsOf(list []Option) (o options) {
	for _, set := range list {
		set(&o)
	}
	return o
}

// Reference is for codecs of reference peers. They carry only the kinds of
// [core.Kind.Reference], and not Brief; they omit members named __proto__; a number
// beyond float64 arrives as null, and so does "no value", which is {} in a socket.
func Reference() Option { return func(o *options) { o.reference = true } }

// carries reports whether the codec can encode kind.
func (o options) carries(kind core.Kind) bool {
	if o.reference {
		return kind.Reference()
	}
	return kind.Valid()
}
