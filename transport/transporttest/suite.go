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
// The cases of lanes are for transports whose connections are a [core.Laner], and
// skipped for others.
//
// Every goroutine of a transport has to be joined by what ends it. The suite
// leaves counting them to its caller, as in TestMain.
package transporttest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Fixture is what one case works with. Each case gets one of its own.
type Fixture struct {
	// Transport listens, and dials too unless there is a Dialler.
	Transport core.Transport
	Dialler   core.Transport

	// Listen is an address to listen at: one with port 0 or the like, or one that
	// is new for each Fixture.
	Listen string
	// Address is what to dial for a listener. Default: its Addr.
	Address func(core.Listener) string
	// Nowhere is an address at which nobody listens.
	Nowhere string
	// BadAddress is one that the transport cannot dial, whoever listens. Default:
	// none.
	BadAddress string

	// MaxFrame is the largest frame, in bytes, that the transport takes: at
	// least 1 MiB. Something like it keeps the suite quick.
	MaxFrame int

	// Patience is how long anything may take that ought to happen. Default 10 s.
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

// RunInBubble does the same, each case in a bubble of testing/synctest: for
// transports that do no input or output of the operating system.
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
	{"Conn/CloseIsHeardByBusyPeer", closeIsHeardByBusyPeer},
	{"Conn/CloseDoesNotWaitForSilentPeer", closeDoesNotWaitForSilentPeer},
	{"Conn/CloseAtAnyTime", closeAtAnyTime},

	{"Lane/NumberIsTheSameOnBothEnds", laneNumberIsTheSame},
	{"Lane/FramesArriveWhole", laneFramesArriveWhole},
	{"Lane/FramesArriveInOrderOnEach", laneFramesArriveInOrder},
	{"Lane/SendBorrowsFrames", laneSendBorrowsFrames},
	{"Lane/RecvMayBeScribbledOver", laneRecvMayBeScribbledOver},
	{"Lane/StalledDoesNotHoldUpOthers", stalledLaneDoesNotHoldUpOthers},
	{"Lane/LargeFrameDoesNotHoldUpOthers", largeFrameDoesNotHoldUpOthers},
	{"Lane/TooLargeFrameEndsTheConnection", laneTooLargeFrameEndsTheConnection},
	{"Lane/LimitReadsHoldsForAll", limitReadsHoldsForLanes},
	{"Lane/ErrorsAreFinalForAll", laneErrorsAreFinalForAll},
	{"Lane/CloseUnblocksAll", closeUnblocksLanes},
	{"Lane/CloseTellsThePeerWhyOnAll", closeTellsThePeerWhyOnLanes},
	{"Lane/CloseComesBehindFramesOfAll", closeComesBehindFramesOfLanes},
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
		f.Patience = 10 * time.Second
	}
	s := &suite{T: t, Fixture: f}
	t.Cleanup(s.end)
	check(s)
}
