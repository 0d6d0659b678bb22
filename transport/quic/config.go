package quic

import quicgo "github.com/quic-go/quic-go"

// The flow control windows of a stream, in bytes: how much a stranger may send
// that nobody reads, and how far it may grow for one whose frames are read fast.
const (
	firstWindow = 256 << 10
	maxWindow   = 4 << 20
)

// config is what the library is told for both ends. The connection's window is
// that of all streams together, so that lanes nobody reads cannot use it up.
func (o *Options) config() *quicgo.Config {
	streams := 1 + o.Lanes
	return &quicgo.Config{
		HandshakeIdleTimeout:           o.HandshakeTimeout / 2, // which is half of its limit for the whole
		MaxIdleTimeout:                 o.IdleTimeout,
		KeepAlivePeriod:                o.KeepAlive,
		InitialStreamReceiveWindow:     firstWindow,
		MaxStreamReceiveWindow:         maxWindow,
		InitialConnectionReceiveWindow: uint64(streams) * maxWindow,
		MaxConnectionReceiveWindow:     uint64(streams) * maxWindow,
		MaxIncomingStreams:             -1, // none in both directions
		MaxIncomingUniStreams:          int64(streams),
	}
}
