package node

import (
	"errors"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// reason classifies, in statistics, why something went wrong. Where the reference has the
// same reason, the name is the reference's.
type reason uint8

const (
	otherReason reason = iota
	slowConsumer
	cutByPeer
	silent
	peerLeft
	replaced
	ownShutdown
	addressChanged
	sendFailed
	outboundClosed
	inboundClosed
	protocolError
	unauthorized
	handshakeTimeout
	versionMismatch
	codecMismatch
	busy
	rateLimited
	manyPeers
	ownAddress
	unknownPeer
	impostor
	relayed
	duplicateID
	malformed
	unsupported
	noNamespace
	forged
	roleForbids
	reasons // their number
)

var reasonNames = [reasons]string{
	otherReason:      "other",
	slowConsumer:     "slow-consumer",
	cutByPeer:        "cut-by-peer",
	silent:           "silent",
	peerLeft:         "left",
	replaced:         "replaced",
	ownShutdown:      "shutdown",
	addressChanged:   "address-changed",
	sendFailed:       "send-error",
	outboundClosed:   "outbound-closed",
	inboundClosed:    "inbound-closed",
	protocolError:    "protocol-error",
	unauthorized:     "unauthorized",
	handshakeTimeout: "timeout",
	versionMismatch:  "version",
	codecMismatch:    "codec",
	busy:             "busy",
	rateLimited:      "rate-limited",
	manyPeers:        "too-many-peers",
	ownAddress:       "self",
	unknownPeer:      "unknown-peer",
	impostor:         "impostor",
	relayed:          "relayed",
	duplicateID:      "duplicate-id",
	malformed:        "malformed",
	unsupported:      "unsupported",
	noNamespace:      "no-namespace",
	forged:           "forged",
	roleForbids:      "role",
}

// cause maps an error to a reason.
type cause struct {
	err    error
	reason reason
}

// reasonTable maps errors to the reasons for which one kind of thing can happen: the
// first cause that an error wraps decides. Any other error has the first reason of
// otherwise.
type reasonTable struct {
	causes    []cause
	otherwise []reason
}

var (
	peerDropReasons = reasonTable{
		causes: []cause{
			{core.ErrSlowPeer, slowConsumer},
			{core.ErrSilentPeer, silent},
			{core.ErrPeerLeft, peerLeft},
			{core.ErrReplaced, replaced},
			{core.ErrClosed, ownShutdown},
			{errSend, sendFailed},
			{core.ErrMalformed, protocolError},
			{core.ErrNoCommonCodec, protocolError},
		},
		otherwise: []reason{outboundClosed, inboundClosed, cutByPeer, addressChanged}, // see dropReason
	}
	dropReasons = reasonTable{
		causes: []cause{
			{core.ErrSlowPeer, slowConsumer},
			{core.ErrUnsupported, unsupported},
			{core.ErrPeerLeft, peerLeft},
			{core.ErrReplaced, replaced},
			{core.ErrClosed, ownShutdown},
			{core.ErrSilentPeer, silent},
		},
		otherwise: []reason{sendFailed},
	}
	ignoreReasons = reasonTable{
		causes: []cause{
			{errNoNamespace, noNamespace},
			{core.ErrUnsupported, unsupported},
			{core.ErrMalformed, malformed},
			{core.ErrForged, forged},
			{core.ErrForbidden, roleForbids},
		},
		otherwise: []reason{otherReason},
	}
	refusalReasons = reasonTable{
		causes: []cause{
			{errRoles, roleForbids},
			{core.ErrRelayed, relayed}, // before ErrUnauthorized, which it wraps
			{core.ErrUnauthorized, unauthorized},
			{errHandshakeTimeout, handshakeTimeout},
			{core.ErrNoCommonVersion, versionMismatch},
			{core.ErrNoCommonCodec, codecMismatch},
			{errTooManyFailures, rateLimited},
			{errTooManyPeers, manyPeers},
			{core.ErrBusy, busy},
			{core.ErrSelf, ownAddress},
			{core.ErrUnknownPeer, unknownPeer},
			{core.ErrImpostor, impostor},
			{core.ErrDuplicateID, duplicateID},
			{core.ErrClosed, ownShutdown},
			{core.ErrMalformed, malformed},
		},
		otherwise: []reason{otherReason},
	}
)

// of returns the reason for err.
func (t *reasonTable) of(err error) reason {
	for _, c := range t.causes {
		if errors.Is(err, c.err) {
			return c.reason
		}
	}
	return t.otherwise[0]
}

// errSend marks errors of writing to a connection.
var errSend = errors.New("send")

// dropReason returns why a peer has gone whose last link has ended with err.
func dropReason(err error, dialled bool) reason {
	_, closedByPeer := errors.AsType[*core.CloseError](err)
	_, otherPeer := errors.AsType[*otherPeerError](err)
	switch r := peerDropReasons.of(err); {
	case r == slowConsumer && closedByPeer:
		return cutByPeer
	case otherPeer:
		return addressChanged
	case r == outboundClosed && !dialled:
		return inboundClosed
	default:
		return r
	}
}

// reasonCounts counts by reason.
type reasonCounts [reasons]atomic.Uint64

func (c *reasonCounts) add(r reason) { c[r].Add(1) }

// byName returns the counts of the reasons in a table.
func (c *reasonCounts) byName(t *reasonTable) map[string]uint64 {
	counts := make(map[string]uint64, len(t.causes)+len(t.otherwise))
	for _, known := range t.causes {
		counts[reasonNames[known.reason]] = c[known.reason].Load()
	}
	for _, r := range t.otherwise {
		counts[reasonNames[r]] = c[r].Load()
	}
	return counts
}
