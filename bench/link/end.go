package link

import (
	"context"
	"fmt"
	"strings"
)

// End is one end of a link. It passes each received message to the function that it was
// opened with, one at a time; that function must not keep the message.
type End interface {
	// Send sends a message, which is a JSON array of the measured size. It may block, and
	// does not keep the message. Only one goroutine sends at a time.
	Send(message []byte) error
	// Flush sends what waits to be sent in a batch. It may be called while another
	// goroutine sends.
	Flush() error
	// Close ends the link.
	Close() error
}

// Kinds are the kinds of links. A kind may have a codec after a slash, as in ws/proto;
// plain is almost no codec, and bare is the transport without nodes.
var Kinds = []string{"ws", "quic", "mem", "gorilla", "tcp"}

// About describes the kinds.
var About = map[string]string{
	"ws":      "two nodes, WebSockets",
	"quic":    "two nodes, QUIC",
	"mem":     "two nodes in one process, over pipes: what a link costs without a network",
	"gorilla": "bare gorilla/websocket, one write for each message",
	"tcp":     "bare TCP, messages with their length, batched",
}

// check splits a kind into its name and its codec.
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

// Check returns an error if there is no such kind.
func Check(kind string) error {
	_, _, err := check(kind)
	return err
}

// Remote reports whether the other end is a separate process.
func Remote(kind string) bool {
	name, _, _ := strings.Cut(kind, "/")
	return name != "mem"
}

// listen opens the listening end, and returns its address.
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

// dial opens the dialling end.
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
