// Package coretest has what tests of the mesh need around it: a [Host] with
// sockets that are entries in a table, a [Fabric] that connects adapters without
// nodes, links and codecs, and a [Roster] through which real nodes find each
// other.
package coretest
