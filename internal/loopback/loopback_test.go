package loopback

import (
	"net"
	"testing"
)

// TestFree: a port is not free if one of the addresses has a listener, of either protocol.
func TestFree(t *testing.T) {
	port := FreePort(t, 3)
	if err := free(port, 3); err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", address(2, port))
	if err != nil {
		t.Fatal(err)
	}
	if free(port, 3) == nil {
		t.Error("the port is free beside a TCP listener")
	}
	if err := free(port, 2); err != nil {
		t.Error(err)
	}
	tcp.Close()
	udp, err := net.ListenPacket("udp", address(0, port))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if free(port, 1) == nil {
		t.Error("the port is free beside a UDP socket")
	}
}

func TestFreeAddress(t *testing.T) {
	l, err := net.Listen("tcp", FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
