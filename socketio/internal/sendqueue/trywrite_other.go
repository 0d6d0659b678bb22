//go:build !unix

package sendqueue

import "syscall"

// canTryWrite is false: this system has no write that does not block, so there are no
// writers.
const canTryWrite = false

type tryWrite struct{ buf [0]byte }

func getTryWrite() *tryWrite { return &tryWrite{} }
func putTryWrite(*tryWrite)  {}

func (*tryWrite) write(syscall.RawConn, []byte) (int, error) { return 0, syscall.EINVAL }
