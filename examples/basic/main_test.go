package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m)
}

// TestServe: the example starts, answers, and stops cleanly.
func TestServe(t *testing.T) {
	t.Setenv("MESH_LISTEN", "127.0.0.1:0")
	t.Setenv("MESH_PEERS", "ws://127.0.0.1:1")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener) }()

	response, err := http.Get("http://" + listener.Addr().String() + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the handshake was answered with %s", response.Status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
