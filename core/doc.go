// Package core defines the contracts of the mesh and the values that its parts exchange,
// and nothing else.
//
// A node finds its peers through a [Discovery], reaches them through a [Transport], and
// talks to them in a [Codec]. For each Socket.IO namespace it has a [Cluster]: the other
// servers that have this namespace open. On top of that is an [Adapter], which does what
// the Socket.IO server calls for on all servers, and acts on the local one through a
// [Host]. An application can implement each of these interfaces; packages transporttest,
// codectest and discoverytest check such a part.
//
// Node and adapter themselves are in internal packages. Package mesh makes them from a
// [Config].
//
// The package imports only the standard library and small internal packages, so that a
// part has to import nothing else.
package core
