// Package coretest helps to test the mesh: a [Host] whose sockets are entries in a table,
// a [Fabric] that connects adapters without nodes, links and codecs, a [Roster] through
// which real nodes find each other, and checks that work on any mesh of them: [Questions]
// and [Operations].
package coretest
