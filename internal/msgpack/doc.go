// Package msgpack reads and writes MessagePack the way the reference does
// (docs/reference-protocol.md, section 7): always in the smallest form, unsigned for
// numbers that are not negative, floats as float64 only. It consists of append functions
// and a cursor, without reflection, so that the codecs above decide which values to
// build.
package msgpack
