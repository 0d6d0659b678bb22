package node

import "slices"

// Dialect is what a node says of itself in HELLO and WELCOME, as far as it differs from
// this version. With it, tests of this module run nodes of other versions.
type Dialect struct {
	Min, Max int    // the versions that it speaks
	Feature  string // one more feature; "" for none
	Without  string // a feature that it does not have; "" for none
	Member   string // one more field, which others have to ignore; "" for none
	NoKey    bool   // it has no key, proves the token alone, and knows no roles
}

// Speak makes the node act like one of another version. It is called before [Node.Start];
// nil changes nothing.
func (n *Node) Speak(d *Dialect) { n.dialect = d }

// as changes the offer to that of another version.
func (o *offer) as(d *Dialect) {
	o.minVersion, o.maxVersion, o.extra = d.Min, d.Max, d.Member
	if d.NoKey {
		o.key, o.challenge = "", ""
		o.features = slices.DeleteFunc(o.features, func(feature string) bool { return feature == featureRoles })
	}
	o.features = slices.DeleteFunc(o.features, func(f string) bool { return f == d.Without })
	if d.Feature != "" {
		o.features = append(o.features, d.Feature)
	}
}
