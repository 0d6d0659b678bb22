// Package peertls makes of one [tls.Config] what each end of a link needs. Both
// ends of a link are nodes of one mesh, so that they ask the same of each other,
// whoever dials.
package peertls
