package link

import (
	"context"
	"fmt"
	"strings"
)

// End is one end of a link. What it receives goes to the function that it was
// opened with, one message at a time, which may keep nothing of it.
type End interface {
	// Send sends a message, which is a JSON array of the size measured. It may
	// block, and keeps nothing of it. One goroutine sends at a time.
	Send(message []byte) error
	// Flush sends what waits to be sent together with more. It may be called
	// while another goroutine sends.
	Flush() error
	// Close ends the link.
	Close() error
}

// Kinds are what can be measured. What follows a slash, as in ws/proto, is the
// codec; plain is as good as none, and bare is the transport alone, without nodes.
var Kinds = []string{"ws", "quic", "mem", "gorilla", "tcp"}

// About says what a kind is.
var About = map[string]string{
	"ws":      "two nodes, WebSockets",
	"quic":    "two nodes, QUIC",
	"mem":     "two nodes in one process, over pipes: what a link costs without a network",
	"gorilla": "bare gorilla/websocket, one write for each message",
	"tcp":     "bare TCP, messages with their length, batched",
}

// check splits a kind into its name and the codec.
func check(kind string) (name, codec string, err error) {
	name, codec, custom := strings.Cut(kind, "/")
	if _, known := About[name]; !known {
		return "", "", fmt.Errorf("there is no link %q; there are %s", kind, strings.Join(Kinds, ", "))
	}
	if _, known := codecs[codec]; custom && !known {
		return "", "", fmt.Errorf("link %q: there is no such codec", kind)
	}
	if custom && (name == "gorilla" || name == "tcp") {
		return "", "", fmt.Errorf("link %q: bare links have no codec", kind)
	}
	return name, codec, nil
}

// Check tells whether there is such a kind.
func Check(kind string) error {
	_, _, err := check(kind)
	return err
}

// Remote tells whether the other end is a process of its own.
func Remote(kind string) bool {
	name, _, _ := strings.Cut(kind, "/")
	return name != "mem"
}

// listen opens the end that waits for the other one, at an address that it
// returns.
func listen(ctx context.Context, kind string, receive func(End, []byte)) (End, string, error) {
	name, codec, err := check(kind)
	if err != nil {
		return nil, "", err
	}
	switch name {
	case "gorilla":
		return listenGorilla(ctx, receive)
	case "tcp":
		return listenTCP(ctx, receive)
	}
	return partsOf(name, codec).listen(ctx, loopback, receive)
}

// dial opens the other end.
func dial(ctx context.Context, kind, address string, receive func(End, []byte)) (End, error) {
	name, codec, err := check(kind)
	if err != nil {
		return nil, err
	}
	switch name {
	case "gorilla":
		return dialGorilla(ctx, address, receive)
	case "tcp":
		return dialTCP(ctx, address, receive)
	}
	return partsOf(name, codec).dial(ctx, loopback, address, receive)
}
