// Package loopback gives tests addresses of this machine that are not in use.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports to choose from. They are below those that systems assign to connections and
// to listeners on port 0, so that the system does not assign one before the test uses it.
const (
	lowestPort = 20_000
	ports      = 12_000
)

// next is the port to try next: they are tried in turn, from a random one on, so that two
// tests of a process do not get the same port while it is not in use yet.
var next = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(ports))
	return &n
}()

// Host returns the address with number i of this machine: 127.0.0.1 is number 0.
func Host(i int) string { return fmt.Sprintf("127.0.0.%d", i+1) }

// FreePort returns a port that is not in use, by TCP or UDP, at [Host] 0 to hosts-1. It
// skips the test if the system has only the first of these addresses.
func FreePort(t testing.TB, hosts int) int {
	t.Helper()
	if hosts > 1 && runtime.GOOS == "darwin" {
		t.Skip("127.0.0.2 and so on are not addresses of this system")
	}
	var err error
	for range 100 {
		port := lowestPort + int(next.Add(1)%ports)
		if err = free(port, hosts); err == nil {
			return port
		}
	}
	t.Fatalf("no port is free: %v", err)
	return 0
}

// FreeAddress returns [Host] 0 with a free port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return address(0, FreePort(t, 1))
}

// free returns an error unless it can listen on the port for a moment.
func free(port, hosts int) error {
	for i := range hosts {
		tcp, err := net.Listen("tcp", address(i, port))
		if err != nil {
			return err
		}
		tcp.Close()
		udp, err := net.ListenPacket("udp", address(i, port))
		if err != nil {
			return err
		}
		udp.Close()
	}
	return nil
}

func address(host, port int) string { return net.JoinHostPort(Host(host), strconv.Itoa(port)) }
