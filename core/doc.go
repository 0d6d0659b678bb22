// Package core has the contracts of the mesh and the values that go between its
// parts, and nothing else.
//
// A node finds its peers through a [Discovery], reaches them through a [Transport],
// and speaks to them in a [Codec]. It gives each Socket.IO namespace a [Cluster],
// the other servers that have it; on that stands an [Adapter], which does what the
// Socket.IO server asks on all servers, and acts on the local one through a [Host].
// Each of these interfaces can be implemented by an application; packages
// transporttest, codectest and discoverytest check such a part.
//
// Node and adapter themselves are in internal packages. Package mesh makes them from
// a [Config].
//
// The package imports the standard library and small internal packages only, so that
// whoever implements a part imports nothing else.
package core
