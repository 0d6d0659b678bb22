// Package msgpack reads and writes MessagePack the way the reference does
// (docs/reference-protocol.md, section 7): the smallest form always, unsigned for what is not
// negative, float64 only. It is a set of append functions and a cursor, without
// reflection, so that codecs above it decide what to build.
package msgpack
