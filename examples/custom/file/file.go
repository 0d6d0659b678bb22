// Package file is a discovery that reads the addresses of all servers from a file:
// one on each line, "#" before a comment.
package file

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Discovery is a core.Discovery.
type Discovery struct {
	Path   string
	Every  time.Duration // how often the file is looked at; default 1 s
	Logger *slog.Logger  // hears when it cannot be read; default: nobody does
}

var _ core.Discovery = Discovery{}

// Name is "file".
func (Discovery) Name() string { return "file" }

// Run reads the file again and again and compares: that sees through links that
// are turned round (Kubernetes), network file systems, and two changes within one
// tick of the file's time. While it cannot be read, the last roster stands.
func (d Discovery) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	if d.Path == "" {
		return &core.ConfigError{Field: "Path", Value: d.Path, Allowed: "the path of a file"}
	}
	if d.Every <= 0 {
		d.Every = time.Second
	}
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	var last []byte // nil: nothing was read yet
	failing := false
	for {
		text, err := os.ReadFile(d.Path)
		switch {
		case err != nil && !failing && d.Logger != nil:
			d.Logger.Warn("cannot read who the peers are", "error", err)
		case err == nil && (last == nil || !bytes.Equal(text, last)):
			update(parse(string(text)))
			last = text
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// parse reads a roster. Whatever is no address is refused where it is dialled.
func parse(text string) []core.Peer {
	var peers []core.Peer
	for line := range strings.Lines(text) {
		address, _, _ := strings.Cut(line, "#")
		if address = strings.TrimSpace(address); address != "" {
			peers = append(peers, core.Peer{Address: address})
		}
	}
	return peers
}
