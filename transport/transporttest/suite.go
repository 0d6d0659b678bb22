// Package transporttest checks that a [core.Transport] keeps its contract. It
// uses the standard library only, so that any implementation can run it:
//
//	func TestConformance(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
//			return transporttest.Fixture{
//				Transport: mytransport.New(mytransport.Options{MaxFrame: 2 << 20}),
//				Listen:    "127.0.0.1:0",
//				MaxFrame:  2 << 20,
//			}
//		})
//	}
//
// The cases of streams are skipped for transports whose connections are no [core.MultiStream].
//
// Close has to wait for the goroutines of what it closes. The suite does not count
// goroutines; its caller does, in TestMain.
package transporttest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Fixture is what one case works with. Each case gets its own.
type Fixture struct {
	// Transport listens, and dials as well unless Dialler is set.
	Transport core.Transport
	Dialler   core.Transport

	// Listen is the address to listen at: one with port 0 or the like, or one that
	// is new for each Fixture.
	Listen string
	// Address returns the address to dial for a listener. Default: its Addr.
	Address func(core.Listener) string
	// Nowhere is an address without a listener.
	Nowhere string
	// BadAddress is an address that the transport cannot dial, such as one with
	// another scheme. Default: none.
	BadAddress string

	// MaxFrame is the largest frame that the transport accepts, in bytes: at least
	// 1 MiB. A value near that keeps the suite fast.
	MaxFrame int

	// Patience bounds the time that anything may take that has to happen. Default 30 s.
	Patience time.Duration
}

// Run runs every case as a subtest. Each one is named after the clause of the
// contract that it checks.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.clause, func(t *testing.T) { check(t, c.check, fixture) })
	}
}

// RunInBubble runs each case in a bubble of testing/synctest. It is for transports that
// do no I/O of the operating system.
func RunInBubble(t *testing.T, fixture func(t *testing.T) Fixture) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.clause, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { check(t, c.check, fixture) })
		})
	}
}

var cases = []struct {
	clause string
	check  func(*suite)
}{
	{"Transport/NameIsConstantAndLowerCase", nameIsConstant},
	{"Transport/ListenNamesTakenAddress", listenNamesTakenAddress},
	{"Transport/ListenAgainAfterClose", listenAgainAfterClose},
	{"Transport/ListenContextLimitsTheCallOnly", listenContextLimitsTheCall},
	{"Transport/DialNamesUnreachableAddress", dialNamesUnreachableAddress},
	{"Transport/DialNamesBadAddress", dialNamesBadAddress},
	{"Transport/DialHonoursEndedContext", dialHonoursEndedContext},
	{"Transport/DialContextLimitsTheCallOnly", dialContextLimitsTheCall},
	{"Transport/ManyDialAtOnce", manyDialAtOnce},

	{"Listener/CloseUnblocksAccept", closeUnblocksAccept},
	{"Listener/CloseIsIdempotent", listenerCloseIsIdempotent},
	{"Listener/CloseLeavesAcceptedAlone", closeLeavesAcceptedAlone},
	{"Listener/CloseRefusesPending", closeRefusesPending},
	{"Listener/ClosedIsNotDialled", closedIsNotDialled},

	{"Conn/FramesArriveWhole", framesArriveWhole},
	{"Conn/FramesArriveInOrder", framesArriveInOrder},
	{"Conn/ManyFramesInOneSend", manyFramesInOneSend},
	{"Conn/BothDirectionsAtOnce", bothDirectionsAtOnce},
	{"Conn/RemoteAddrIsKnown", remoteAddrIsKnown},
	{"Conn/ChannelBindingIsOfOneConnection", channelBindingIsOfOneConnection},
	{"Conn/SendBorrowsFrames", sendBorrowsFrames},
	{"Conn/SendLeavesSharedFramesAlone", sendLeavesSharedFramesAlone},
	{"Conn/SendBlocksUntilDeadline", sendBlocksUntilDeadline},
	{"Conn/SendBlocksUntilCancelled", sendBlocksUntilCancelled},
	{"Conn/SendHonoursEndedContext", sendHonoursEndedContext},
	{"Conn/SendSurvivesItsContext", sendSurvivesItsContext},
	{"Conn/RecvIsValidUntilNextRecv", recvIsValidUntilNextRecv},
	{"Conn/RecvMayBeScribbledOver", recvMayBeScribbledOver},
	{"Conn/RecvTakesLargestFrame", recvTakesLargestFrame},
	{"Conn/TooLargeFrameEndsTheConnection", tooLargeFrameEndsTheConnection},
	{"Conn/LimitReadsBoundsLaterRecvs", limitReadsBoundsLaterRecvs},

	{"Conn/CloseUnblocksRecv", closeUnblocksRecv},
	{"Conn/CloseUnblocksSend", closeUnblocksSend},
	{"Conn/CloseEndsSendAndRecv", closeEndsSendAndRecv},
	{"Conn/CloseIsIdempotent", closeIsIdempotent},
	{"Conn/CloseTellsThePeerWhy", closeTellsThePeerWhy},
	{"Conn/CloseComesBehindFrames", closeComesBehindFrames},
	{"Conn/CloseIsHeardByBusyPeer", closeReachesBusyPeer},
	{"Conn/CloseDoesNotWaitForSilentPeer", closeDoesNotWaitForSilentPeer},
	{"Conn/CloseAtAnyTime", closeAtAnyTime},

	{"Stream/NumberIsTheSameOnBothEnds", streamNumberIsTheSame},
	{"Stream/FramesArriveWhole", streamFramesArriveWhole},
	{"Stream/FramesArriveInOrderOnEach", streamFramesArriveInOrder},
	{"Stream/SendBorrowsFrames", streamSendBorrowsFrames},
	{"Stream/RecvMayBeScribbledOver", streamRecvMayBeScribbledOver},
	{"Stream/StalledDoesNotHoldUpOthers", stalledStreamDoesNotHoldUpOthers},
	{"Stream/LargeFrameDoesNotHoldUpOthers", largeFrameDoesNotHoldUpOthers},
	{"Stream/TooLargeFrameEndsTheConnection", streamTooLargeFrameEndsTheConnection},
	{"Stream/LimitReadsHoldsForAll", limitReadsHoldsForStreams},
	{"Stream/ErrorsAreFinalForAll", streamErrorsAreFinalForAll},
	{"Stream/CloseUnblocksAll", closeUnblocksStreams},
	{"Stream/CloseTellsThePeerWhyOnAll", closeTellsThePeerWhyOnStreams},
	{"Stream/CloseComesBehindFramesOfAll", closeComesBehindFramesOfStreams},
}

// check runs a case.
func check(t *testing.T, check func(*suite), fixture func(t *testing.T) Fixture) {
	f := fixture(t)
	if f.Dialler == nil {
		f.Dialler = f.Transport
	}
	if f.Address == nil {
		f.Address = core.Listener.Addr
	}
	if f.Patience == 0 {
		f.Patience = 30 * time.Second
	}
	s := &suite{T: t, Fixture: f}
	t.Cleanup(s.end)
	check(s)
}
