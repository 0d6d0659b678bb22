// Package tlsfiles reads certificates from files, and reads them again when the
// files have changed: certificates are renewed while a process runs.
package tlsfiles
