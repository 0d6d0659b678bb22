// Package coretest has what tests of the mesh need around it: a [Host] with
// sockets that are entries in a table, a [Fabric] that connects adapters without
// nodes, links and codecs, a [Roster] through which real nodes find each other,
// and what any mesh of them can be put through: [Questions] and [Operations].
package coretest
