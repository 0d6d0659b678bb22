// Package peertls derives the configurations of both ends of a link from one
// [tls.Config]. Both ends are nodes of one mesh and may dial each other, so each requires
// the same of the other.
package peertls
