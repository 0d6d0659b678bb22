//go:build !linux

package netpoll

import "syscall"

type readiness struct{}

func openReadiness() (*readiness, error) { return nil, ErrUnsupported }

func (*loop) register(*Registration, syscall.RawConn) error { return ErrUnsupported }

func (*readiness) wait(func(slot, number uint32)) bool { return false }

func (*loop) close() {}
