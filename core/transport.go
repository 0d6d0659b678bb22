package core

import (
	"context"
	"fmt"
)

// Transport moves frames between nodes. Who dials whom, handshakes, reconnects,
// heartbeats and queues are not its business but the node's.
//
// Listen and Dial may be called by several goroutines at once.
type Transport interface {
	// Name is the transport's name in configuration: lower-case, constant.
	Name() string

	// Listen starts to accept at addr (a listen address such as ":4000"; port 0
	// picks a free one). It returns when the address is bound, or with the
	// error that names addr. ctx limits the call, not the listener's life.
	Listen(ctx context.Context, addr string) (Listener, error)

	// Dial connects to an address that a peer advertises (such as
	// "ws://10.0.0.7:4000"). It returns when frames can be sent. ctx limits the
	// call, not the connection's life. An address that this transport cannot
	// dial is refused with an error that names it.
	Dial(ctx context.Context, addr string) (Conn, error)
}

// Listener accepts the connections of peers. All methods may be called at once.
type Listener interface {
	// Accept blocks until a peer connected, and returns its connection, on which
	// nothing has been authenticated yet. After Close it returns an error that
	// wraps net.ErrClosed; any other error is temporary.
	Accept() (Conn, error)

	// Addr is the address it listens on, with the real port. If the node is not
	// told what to advertise, this is what its peers dial.
	Addr() string

	// Close stops listening and refuses what has not been accepted. It
	// unblocks Accept, is idempotent, leaves accepted connections alone, and
	// returns when the listener's goroutines have ended.
	Close() error
}

// Conn is one connection between two nodes. Frames arrive whole, once, in the
// order in which they were sent.
//
// One goroutine may Send while another one Recvs; Close and RemoteAddr may be
// called at any time by anyone.
type Conn interface {
	// Send writes the frames in order. They are borrowed until it returns, and
	// are neither modified nor retained; the caller may be sharing them with
	// other connections. It may block until ctx ends. Any error, ctx's
	// included, is final: the Conn is dead, and an unknown part of the frames
	// has been sent.
	Send(ctx context.Context, frames [][]byte) error

	// Recv blocks for the next frame. The slice is valid until the next Recv.
	// When the connection has ended it returns an error: one that wraps
	// net.ErrClosed after a Close on this side, a [*CloseError] if the peer
	// closed with a reason, otherwise what broke. A frame above the
	// transport's limit ends the connection.
	Recv() ([]byte, error)

	// RemoteAddr is the peer's network address, for logs.
	RemoteAddr() string

	// Close ends the connection and tells the peer why, as far as that is
	// possible without blocking for long. Frames already handed to Send are
	// sent before. It is idempotent (the first reason counts), unblocks Send
	// and Recv, and joins the connection's goroutines.
	Close(reason CloseReason) error
}

// NativeReporter is what a [Conn] implements when its transport carries peers
// of the reference implementation too. A dialler cannot ask such a peer what it
// is, for the reference never answers; so the transport has to know.
type NativeReporter interface {
	// Native tells whether the accepting end said that it is a Go node. Only
	// asked on dialled connections. A Conn without this method is native.
	Native() bool
}

// Schemer is what a [Transport] implements whose addresses are URLs. Addresses
// with another scheme are those of other transports: the node neither advertises
// nor dials them.
type Schemer interface {
	// Schemes are those it can dial, as "ws" and "wss"; the first is the usual
	// one. Constant, and at least one.
	Schemes() []string
}

// PeerVerifier is what a [Transport] implements that can authenticate peers itself, by
// certificates or a secret. The node warns of a port that is open to everybody unless
// it does, or there is a Config.AuthToken.
type PeerVerifier interface {
	// VerifiesPeers tells whether only peers that have been authenticated are
	// accepted. Constant.
	VerifiesPeers() bool
}

// RefusalNotifier is what a [Listener] implements that turns connections away before they
// get as far as Accept, as those with a bad certificate. The node counts them and
// logs them with those that it refuses itself.
type RefusalNotifier interface {
	// OnRefuse says who is to be told; refused may be called by several
	// goroutines at once, and does not block. It is called once, before Accept.
	OnRefuse(refused func(remote string, why error))
}

// SourceLimiter is what a [Listener] implements that can turn connections away before it
// spends a TLS handshake on them. It reports them as others that it refuses.
type SourceLimiter interface {
	// OnConnect says who decides: admit returns why a connection from this address is
	// not taken, or nil. It may be called by several goroutines at once, and does not
	// block. OnConnect is called once, before Accept.
	OnConnect(admit func(remote string) error)
}

// LargeFrame is the size, in bytes, from which on a frame is large: see [FrameAdmitter].
const LargeFrame = 1 << 20

// FrameAdmitter is what a [Stream], or a [Conn], implements that asks before it holds a
// large frame, of which only a part has arrived: so a node can bound the memory of those that
// are under way on all its links.
type FrameAdmitter interface {
	// OnLargeFrame says who decides. Recv calls admit with the size of a frame of more
	// than [LargeFrame] bytes, or with the limit if the size is not known, before it holds
	// more than that of it, and goes on when admit returns; with its error, if there is one.
	// OnLargeFrame is called by the goroutine that Recvs, or before there is one.
	OnLargeFrame(admit func(bytes int) error)
}

// ReadLimiter is what a [Conn] implements that can bound the frames it takes, so
// that strangers cannot make it hold large ones: a node allows little before the
// handshake, and its own [Config].MaxFrame after it. The transport's own limit is
// for connections without this method.
type ReadLimiter interface {
	// LimitReads bounds the frames of later Recvs, in bytes. A larger one ends
	// the connection. It is called by the goroutine that Recvs, or before there
	// is one.
	LimitReads(bytes int)
}

// Certified is what a [Conn] implements whose peer may have shown a certificate.
type Certified interface {
	// Identity is what the certificate says who the peer is: its URIs, as SPIFFE IDs are.
	// It is "" if there are none, or the certificate was not verified. Constant.
	Identity() string
}

// ChannelBinder is what a [Conn] implements that may be over TLS. Nodes tell each other what it
// returns, so that nobody can stand between them who ends one connection and opens another.
type ChannelBinder interface {
	// ChannelBinding is the same on both ends of a connection and another one on each other
	// connection: tls-exporter (RFC 9266), 32 bytes. It is nil without TLS; and empty, not
	// nil, over TLS that has no such value, as 1.2 without extended master secrets. Constant.
	ChannelBinding() []byte
}

// MultiStream is what a [Conn] implements that carries several streams of frames,
// as a QUIC connection does. What must not wait for each other goes on different
// streams: the node sends its own signals on the Conn itself, and the messages of
// each namespace on one of the numbered streams. A Conn without this interface
// carries everything in one stream, its own.
type MultiStream interface {
	// Streams is the number of streams beside the Conn's own: constant for the
	// life of the Conn, and the same on both ends.
	Streams() int

	// Stream returns the stream with this number, 0 ≤ i < Streams(); always the same
	// value for the same number. It may be called at any time by anyone. It sends
	// nothing: the peer hears of a stream with its first frame.
	Stream(i int) Stream
}

// Stream is one ordered sequence of frames of a connection. Its frames arrive whole,
// once, in the order in which they were sent; between streams there is no order. A
// stream whose reader takes nothing, or on which a large frame is under way, does not
// hold up the others.
//
// Send and Recv are those of [Conn], for each stream by itself: one goroutine may
// Send while another one Recvs, the Conn's limit of LimitReads holds for all
// streams, the Conn's Close sends before it ends what was handed to any of them,
// and an error that is final ends the Conn. No Recv returns the peer's Close before
// all streams, the Conn's own included, have been read to their ends: so the first
// reader that gets it may Close. The peer waits for that no longer than Close may take.
type Stream interface {
	Send(ctx context.Context, frames [][]byte) error
	Recv() ([]byte, error)
}

// CloseReason says why a connection is closed, in WebSocket's terms (RFC 6455,
// section 7.4): a code, and a text of at most 123 bytes.
type CloseReason struct {
	Code int
	Text string
}

// The reasons the reference gives (docs/reference-protocol.md, section 8), and ours.
var (
	CloseShutdown  = CloseReason{1000, "transport-closed"}
	CloseSlowPeer  = CloseReason{1000, "slow-consumer"}
	CloseDuplicate = CloseReason{1000, "duplicate"}
	// CloseGoingAway is what diallers hear whose connection is not a link yet when
	// the acceptor stops: it was not accepted, or has not said HELLO.
	CloseGoingAway      = CloseReason{1001, "transport-closed"}
	CloseAddressChanged = CloseReason{1000, "address-changed"}
	CloseSilent         = CloseReason{1000, "heartbeat-timeout"}
	CloseHelloInvalid   = CloseReason{1002, "hello-invalid"}
	CloseHelloTimeout   = CloseReason{1002, "hello-timeout"}
	CloseProtocolError  = CloseReason{1002, "protocol-error"}
	CloseMismatch       = CloseReason{1002, "version-mismatch"}
	// CloseTooLarge is what the sender of a frame hears that is above the receiver's limit.
	// Transports may give another text, as they find it: the code tells.
	CloseTooLarge = CloseReason{1009, "frame-too-large"}
	CloseBusy     = CloseReason{1013, "too-many-handshakes"}
)

// CloseError is what [Conn.Recv] returns when the peer closed the connection
// with a reason.
type CloseError struct {
	CloseReason
}

// Error shows the peer's code and text.
func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by peer: %d %q", e.Code, e.Text)
}
