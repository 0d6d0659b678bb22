// Package hostcompat has everything that depends on the version of the Socket.IO library:
// the faults of each version that the mesh works around ([Needs]), and the places where the
// mesh uses private fields because there is no public way ([SameLayout], [ClientsCount],
// [SetParser]).
//
// Code that works around a fault asks [Running] whether the version has it. A version that
// is not in the table gets every remedy: each is written so that it does no harm where it
// is not needed. A private field is used only if it has the expected name and type;
// otherwise the library's own way is used. Both are logged once, as a warning (see
// [Host.Warn]).
//
// A remedy is listed for a version because a test shows the fault there when the remedy is
// off, and is not listed for a version where that test shows none. The same table, in
// words, is docs/host-library.md.
package hostcompat
