//go:build unix

package wstransport

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/socketmesh/mesh/internal/await"
)

// TestUnread: what has arrived and was not read is seen, below TLS too; so is the end.
func TestUnread(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	becomes := func(want bool) {
		t.Helper()
		await.Condition(t, fmt.Sprintf("unread: %v", want), func() bool { return unread(near) == want })
		if unread(tls.Server(near, nil)) != want {
			t.Errorf("below TLS: want %v", want)
		}
	}
	becomes(false)
	if _, err := far.Write([]byte("3")); err != nil {
		t.Fatal(err)
	}
	becomes(true)
	if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	becomes(false)
	far.Close()
	becomes(true)
	near.Close()
	becomes(false)
	pipe, _ := net.Pipe()
	if unread(pipe) {
		t.Error("something to read on what is no socket")
	}
}
