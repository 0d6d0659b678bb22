//go:build unix

package wstransport

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
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
	await := func(want bool) {
		t.Helper()
		for began := time.Now(); unread(near) != want; time.Sleep(time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("unread: want %v", want)
			}
		}
		if unread(tls.Server(near, nil)) != want {
			t.Errorf("below TLS: want %v", want)
		}
	}
	await(false)
	if _, err := far.Write([]byte("3")); err != nil {
		t.Fatal(err)
	}
	await(true)
	if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	await(false)
	far.Close()
	await(true)
	near.Close()
	await(false)
	pipe, _ := net.Pipe()
	if unread(pipe) {
		t.Error("something to read on what is no socket")
	}
}
