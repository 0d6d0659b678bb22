package quic

import quicgo "github.com/quic-go/quic-go"

// The flow control windows of a QUIC stream, in bytes: how much a peer may send before
// it is read, at first and at most. The library widens the window of a stream that is
// read fast.
const (
	firstWindow = 256 << 10
	maxWindow   = 4 << 20
)

// config is the library's configuration for both ends. The connection's window is the
// sum of the streams', so that streams that nobody reads cannot use up the others'
// share.
func (o *Options) config() *quicgo.Config {
	streams := 1 + o.Streams
	return &quicgo.Config{
		HandshakeIdleTimeout:           o.HandshakeTimeout / 2, // the library allows twice that for the whole handshake
		MaxIdleTimeout:                 o.IdleTimeout,
		KeepAlivePeriod:                o.KeepAlive,
		InitialStreamReceiveWindow:     firstWindow,
		MaxStreamReceiveWindow:         maxWindow,
		InitialConnectionReceiveWindow: uint64(streams) * maxWindow,
		MaxConnectionReceiveWindow:     uint64(streams) * maxWindow,
		MaxIncomingStreams:             -1, // no bidirectional streams
		MaxIncomingUniStreams:          int64(streams),
	}
}
