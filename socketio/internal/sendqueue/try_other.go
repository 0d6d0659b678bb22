//go:build !unix

package sendqueue

import "syscall"

// canTry: there is no write that does not block, so there are no writers either.
const canTry = false

type try struct{ buf [0]byte }

func getTry() *try { return &try{} }
func putTry(*try)  {}

func (*try) write(syscall.RawConn, []byte) (int, error) { return 0, syscall.EINVAL }
