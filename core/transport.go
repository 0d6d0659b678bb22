package core

import (
	"context"
	"fmt"
)

// Transport moves frames between nodes. The node itself decides who dials whom, and does
// the handshakes, reconnects, heartbeats and queues.
//
// Listen and Dial are safe for concurrent use.
type Transport interface {
	// Name is the transport's name in configuration: lower-case, constant.
	Name() string

	// Listen starts to accept connections at addr (a listen address such as ":4000"; port
	// 0 picks a free one). It returns when the address is bound, or with the error that
	// names addr. ctx limits the call, not the listener's life.
	Listen(ctx context.Context, addr string) (Listener, error)

	// Dial connects to an address that a peer advertises (such as
	// "ws://10.0.0.7:4000"). It returns when frames can be sent. ctx limits the
	// call, not the connection's life. An address that this transport cannot
	// dial is refused with an error that names it.
	Dial(ctx context.Context, addr string) (Conn, error)
}

// Listener accepts the connections of peers. All methods are safe for concurrent use.
type Listener interface {
	// Accept blocks until a peer has connected, and returns its connection, on which
	// nothing has been authenticated yet. After Close it returns an error that wraps
	// net.ErrClosed; any other error is temporary.
	Accept() (Conn, error)

	// Addr is the address on which it listens, with the real port. Peers dial this
	// address if the node is not configured to advertise another one.
	Addr() string

	// Close stops listening and refuses connections that were not accepted. It unblocks
	// Accept, is idempotent, leaves accepted connections alone, and returns when the
	// listener's goroutines have ended.
	Close() error
}

// Conn is one connection between two nodes. Frames arrive whole, once, in the order in
// which they were sent.
//
// One goroutine may Send while another one Recvs; Close and RemoteAddr may be called at
// any time by anyone.
type Conn interface {
	// Send writes the frames in order. They are borrowed until it returns, and are
	// neither modified nor retained; the caller may be sharing them with other
	// connections. It may block until ctx ends. Any error, ctx's included, is final: the
	// Conn is dead, and an unknown part of the frames has been sent.
	Send(ctx context.Context, frames [][]byte) error

	// Recv blocks until the next frame. The slice is valid until the next Recv. When the
	// connection has ended, Recv returns an error: one that wraps net.ErrClosed after a
	// Close on this side, a [*CloseError] if the peer closed with a reason, otherwise the
	// error that ended the connection. A frame above the transport's limit ends the
	// connection.
	Recv() ([]byte, error)

	// RemoteAddr is the peer's network address, for logs.
	RemoteAddr() string

	// Close ends the connection and tells the peer why, as far as that is possible
	// without blocking for long. Frames already handed to Send are sent before. It is
	// idempotent (the first reason counts), unblocks Send and Recv, and waits for the
	// connection's goroutines.
	Close(reason CloseReason) error
}

// NativeReporter is an optional interface of a [Conn] whose transport also connects to
// reference peers. A reference peer does not answer HELLO, so the dialler cannot ask it
// what it is; the transport has to know.
type NativeReporter interface {
	// Native reports whether the accepting end has said that it is a Go node. It is
	// called on dialled connections only. A Conn without this method is native.
	Native() bool
}

// Schemer is an optional interface of a [Transport] whose addresses are URLs. Addresses
// with another scheme belong to other transports: the node neither advertises nor dials
// them.
type Schemer interface {
	// Schemes are the schemes that it can dial, such as "ws" and "wss"; the first is the
	// usual one. Constant, and at least one.
	Schemes() []string
}

// PeerVerifier is an optional interface of a [Transport] that can authenticate peers
// itself, by certificates or a secret. The node warns of a port that is open to everybody
// unless the transport does, or there is a Config.AuthToken.
type PeerVerifier interface {
	// VerifiesPeers reports whether only authenticated peers are accepted. Constant.
	VerifiesPeers() bool
}

// RefusalNotifier is an optional interface of a [Listener] that refuses connections
// before Accept returns them, such as those with a bad certificate. The node counts and
// logs them like those that it refuses itself.
type RefusalNotifier interface {
	// OnRefuse sets the function to call for each refused connection: it is safe for
	// concurrent use and does not block. OnRefuse is called once, before Accept.
	OnRefuse(refused func(remote string, why error))
}

// SourceLimiter is an optional interface of a [Listener] that can refuse connections
// before it spends a TLS handshake on them. It reports them like others that it refuses.
type SourceLimiter interface {
	// OnConnect sets the function that decides: admit returns why a connection from this
	// address is not accepted, or nil. It is safe for concurrent use and does not block.
	// OnConnect is called once, before Accept.
	OnConnect(admit func(remote string) error)
}

// LargeFrame is the size in bytes above which a frame is large: see [FrameAdmitter].
const LargeFrame = 1 << 20

// FrameAdmitter is an optional interface of a [Stream] or [Conn] that asks before it
// allocates memory for a large frame. So a node can limit the memory of the large frames
// that are being received on all its links.
type FrameAdmitter interface {
	// OnLargeFrame sets the function that decides. Before Recv holds more than
	// [LargeFrame] bytes of a frame, it calls admit with the frame's size, or with the
	// limit if the size is not known. It goes on when admit returns, or fails with
	// admit's error. OnLargeFrame is called by the goroutine that calls Recv, or before
	// there is one.
	OnLargeFrame(admit func(bytes int) error)
}

// ReadLimiter is an optional interface of a [Conn] that can limit the size of received
// frames, so that strangers cannot make it hold large ones: a node allows little before
// the handshake, and its own [Config].MaxFrame after it. For connections without this
// method, the transport's own limit applies.
type ReadLimiter interface {
	// LimitReads bounds the frames of later Recvs, in bytes. A larger one ends the
	// connection. It is called by the goroutine that calls Recv, or before there is one.
	LimitReads(bytes int)
}

// Certified is an optional interface of a [Conn] whose peer may have shown a certificate.
type Certified interface {
	// Identity returns the URIs in the peer's certificate, such as SPIFFE IDs. It is ""
	// if there are none, or the certificate was not verified. Constant.
	Identity() string
}

// ChannelBinder is an optional interface of a [Conn] that may be over TLS. Nodes tell
// each other its value, so that a third party that ends one TLS connection and opens
// another one cannot relay between them unnoticed.
type ChannelBinder interface {
	// ChannelBinding returns a value that is the same on both ends of a connection and
	// differs between connections: tls-exporter (RFC 9266), 32 bytes. It is nil without
	// TLS; and empty, not nil, over TLS that has no such value, such as 1.2 without extended
	// master secrets. Constant.
	ChannelBinding() []byte
}

// MultiStream is an optional interface of a [Conn] that carries several streams of
// frames, as a QUIC connection does. Frames on different streams do not wait for each
// other: the node sends its control frames on the Conn itself, and the messages of each
// namespace on one of the numbered streams. A Conn without this interface carries
// everything in one stream, its own.
type MultiStream interface {
	// Streams is the number of streams beside the Conn's own: constant for the
	// life of the Conn, and the same on both ends.
	Streams() int

	// Stream returns the stream with this number, 0 ≤ i < Streams(); always the same
	// value for the same number. Any goroutine may call it at any time. It sends nothing:
	// the peer learns of a stream with its first frame.
	Stream(i int) Stream
}

// Stream is one ordered sequence of frames on a connection. Its frames arrive whole,
// once, in the order in which they were sent; there is no order between streams. A stream
// whose reader takes nothing, or on which a large frame is under way, does not hold up
// the others.
//
// Send and Recv work like those of [Conn], for each stream separately: one goroutine may
// Send while another one Recvs. The limit of the Conn's LimitReads applies to all
// streams. The Conn's Close first sends what was handed to any of them. A final error
// ends the whole Conn. A Recv returns the peer's Close only when all streams, including
// the Conn's own, have been read to their ends; so the first reader that gets it may call
// Close. The peer waits for that no longer than its Close may take.
type Stream interface {
	Send(ctx context.Context, frames [][]byte) error
	Recv() ([]byte, error)
}

// CloseReason says why a connection is closed, in WebSocket's terms (RFC 6455, section
// 7.4): a code, and a text of at most 123 bytes.
type CloseReason struct {
	Code int
	Text string
}

// The reasons that the reference uses (docs/reference-protocol.md, section 8), and those
// of Go nodes.
var (
	CloseShutdown  = CloseReason{1000, "transport-closed"}
	CloseSlowPeer  = CloseReason{1000, "slow-consumer"}
	CloseDuplicate = CloseReason{1000, "duplicate"}
	// CloseGoingAway is sent to diallers whose connection is not a link yet when the
	// acceptor stops: it was not accepted, or has not sent HELLO.
	CloseGoingAway      = CloseReason{1001, "transport-closed"}
	CloseAddressChanged = CloseReason{1000, "address-changed"}
	CloseSilent         = CloseReason{1000, "heartbeat-timeout"}
	CloseHelloInvalid   = CloseReason{1002, "hello-invalid"}
	CloseHelloTimeout   = CloseReason{1002, "hello-timeout"}
	CloseProtocolError  = CloseReason{1002, "protocol-error"}
	CloseMismatch       = CloseReason{1002, "version-mismatch"}
	// CloseTooLarge is sent to the sender of a frame above the receiver's limit.
	// Transports may use another text: the code decides.
	CloseTooLarge = CloseReason{1009, "frame-too-large"}
	CloseBusy     = CloseReason{1013, "too-many-handshakes"}
)

// CloseError is the error that [Conn.Recv] returns when the peer has closed the
// connection with a reason.
type CloseError struct {
	CloseReason
}

// Error shows the peer's code and text.
func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by peer: %d %q", e.Code, e.Text)
}
