package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are what a process is told in its only argument, as JSON. Times are
// milliseconds; 0 means the default.
type options struct {
	Role              string   `json:"role"` // "server" or "discovery"
	Port              int      `json:"port"` // of the discovery service
	HTTPPort          int      `json:"httpPort"`
	MeshPort          int      `json:"meshPort"`
	Discovery         string   `json:"discovery"`
	Peers             []string `json:"peers"`
	Token             string   `json:"token"`
	Codec             string   `json:"codec"`
	Routing           string   `json:"routing"`
	MaxFrame          int      `json:"maxFrame"`
	HeartbeatInterval int      `json:"heartbeatInterval"`
	HeartbeatTimeout  int      `json:"heartbeatTimeout"`
	RequestTimeout    int      `json:"requestTimeout"`
	QueueBytes        int      `json:"queueBytes"`
	DrainRate         int      `json:"drainRate"`
	Parents           []string `json:"parents"` // patterns of dynamic namespaces
}

const (
	host         = "127.0.0.1"
	startTime    = 10 * time.Second
	shutdownTime = time.Minute     // what waits for a slow peer, on a busy machine
	drainTime    = 2 * time.Minute // clients may be slow on a busy machine
)

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func main() {
	var o options
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		log.Fatal(err)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := newControl(os.Stdin, os.Stdout)
	run := runServer
	if o.Role == "discovery" {
		run = runDiscovery
	}
	if err := run(stop, o, c, logger); err != nil {
		log.Fatal(err)
	}
}
