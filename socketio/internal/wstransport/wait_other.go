//go:build !unix

package wstransport

import "syscall"

func waitable(*Transport) (syscall.RawConn, func(fd uintptr) bool) { return nil, nil }

func (*Transport) readReady() (bool, error) { return false, syscall.EINVAL }
