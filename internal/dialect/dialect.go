// Package dialect lets tests of this module make nodes of other versions of the
// protocol. It is internal, so nobody else can.
package dialect

// Dialect is what a node says of itself in HELLO and WELCOME, where that differs
// from this version.
type Dialect struct {
	Min, Max int    // versions that it speaks
	Feature  string // one more that it understands; "" for none
	Member   string // one more member, which others have to ignore; "" for none
}
