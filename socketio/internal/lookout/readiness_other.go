//go:build !linux

package lookout

import "syscall"

type readiness struct{}

func openReadiness() (*readiness, error) { return nil, ErrUnsupported }

func (*post) register(*Watch, syscall.RawConn) error { return ErrUnsupported }

func (*readiness) wait(func(slot, number uint32)) bool { return false }

func (*post) close() {}
