// Package hostcompat knows what depends on the version of the Socket.IO library:
// which faults a version has that the mesh mends ([Needs]), and where the mesh
// reaches into private fields because there is no public way ([SameLayout],
// [ClientsCount], [SetParser]).
//
// Code that mends a fault asks [Running] whether the fault is there. A version that
// is not in the table gets every remedy: each was written so that it does no harm
// where it is not needed. A private field is used only if it has the expected name
// and type; else the library's own way is taken. Both are said once, by a warning
// (see [Notice]).
//
// A remedy is listed for a version because a test shows the fault there when the
// remedy is off, and is dropped on a version where that test shows none. The same
// table, in words, is docs/host-library.md.
package hostcompat
