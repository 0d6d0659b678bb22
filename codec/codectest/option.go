package codectest

import "github.com/socketmesh/mesh/core"

// Option says in what a codec may differ from the contract.
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

// Reference is for codecs of reference peers. They carry the kinds of
// [core.Kind.Reference] only and no Brief; they leave members named __proto__
// out; a number beyond float64 arrives as null, and so does what has no value,
// which is {} in a socket.
func Reference() Option { return func(o *options) { o.reference = true } }

// carries reports whether the codec can encode kind.
func (o options) carries(kind core.Kind) bool {
	if o.reference {
		return kind.Reference()
	}
	return kind.Valid()
}
