// Package compat tests that clients notice nothing: what they see of a Socket.IO
// server is the same whether its host library works alone or has the mesh's adapter.
//
// A scenario runs on one server after the other, with the clients of npm, in two
// generations, or with bare requests, and leaves a transcript: what each side has
// seen, without ids, times and ports. It must be the one in testdata, on either
// path. To write those anew from the host alone, and then to review them:
//
//	go test ./e2e/compat -update
package compat
