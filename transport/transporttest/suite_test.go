package transporttest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// faultVariable says which fault the transport has in a process that TestBrokenTransportsFail
// starts.
const faultVariable = "TRANSPORTTEST_FAULT"

// streamFault begins the names of the faults that connections with streams have.
const streamFault = "streams: "

// TestBrokenTransport is run by TestBrokenTransportsFail, in another process.
func TestBrokenTransport(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("is run by TestBrokenTransportsFail")
	}
	Run(t, func(*testing.T) Fixture {
		n := mem.NewNetwork(mem.WithMaxFrame(1 << 20))
		acceptor, dialler := n.Transport("a"), n.Transport("b")
		if stream, ok := strings.CutPrefix(fault, streamFault); ok {
			var group atomic.Int64
			acceptor = &multi{Transport: acceptor, fault: stream, group: &group}
			dialler = &multi{Transport: dialler, fault: stream, group: &group}
		} else {
			acceptor = &broken{Transport: acceptor, fault: fault}
			dialler = &broken{Transport: dialler, fault: fault}
		}
		patience := time.Second
		if fault == streamFault {
			patience = 0 // nothing is expected to take too long
		}
		return Fixture{
			Transport:  acceptor,
			Dialler:    dialler,
			Nowhere:    "mem://nowhere",
			BadAddress: "mem://bad",
			MaxFrame:   1 << 20,
			Patience:   patience,
		}
	})
}

// TestBrokenTransportsFail checks that the suite finds each fault, in the right case.
func TestBrokenTransportsFail(t *testing.T) {
	for _, c := range []struct{ fault, clause string }{
		{"name", "Transport/NameIsConstantAndLowerCase"},
		{"vague", "Transport/ListenNamesTakenAddress"},
		{"vague", "Transport/DialNamesUnreachableAddress"},
		{"vague", "Transport/DialNamesBadAddress"},
		{"open listener", "Transport/ListenAgainAfterClose"},
		{"open listener", "Listener/ClosedIsNotDialled"},
		{"open listener", "Listener/CloseUnblocksAccept"},
		{"open listener", "Listener/CloseRefusesPending"},
		{"listen context", "Transport/ListenContextLimitsTheCallOnly"},
		{"dial context", "Transport/DialContextLimitsTheCallOnly"},
		{"deaf dial", "Transport/DialHonoursEndedContext"},
		{"accept error", "Listener/CloseUnblocksAccept"},
		{"greedy listener", "Listener/CloseLeavesAcceptedAlone"},
		{"drops empty", "Conn/FramesArriveWhole"},
		{"truncates", "Conn/FramesArriveWhole"},
		{"reorders", "Conn/FramesArriveInOrder"},
		{"twice", "Conn/FramesArriveInOrder"},
		{"merges", "Conn/ManyFramesInOneSend"},
		{"reorders", "Conn/BothDirectionsAtOnce"},
		{"retains", "Conn/SendBorrowsFrames"},
		{"modifies", "Conn/SendLeavesSharedFramesAlone"},
		{"deaf send", "Conn/SendBlocksUntilDeadline"},
		{"deaf send", "Conn/SendBlocksUntilCancelled"},
		{"deaf send", "Conn/SendHonoursEndedContext"},
		{"read-ahead", "Conn/RecvIsValidUntilNextRecv"},
		{"adjacent", "Conn/RecvMayBeScribbledOver"},
		{"truncates", "Conn/RecvTakesLargestFrame"},
		{"unlimited", "Conn/TooLargeFrameEndsTheConnection"},
		{"deaf limit", "Conn/LimitReadsBoundsLaterRecvs"},
		{"other errors", "Conn/CloseUnblocksRecv"},
		{"other errors", "Conn/CloseUnblocksSend"},
		{"other errors", "Conn/CloseEndsSendAndRecv"},
		{"no close", "Conn/CloseUnblocksRecv"},
		{"mute close", "Conn/CloseIsIdempotent"},
		{"mute close", "Conn/CloseTellsThePeerWhy"},
		{"cuts text", "Conn/CloseTellsThePeerWhy"},
		{"always closed", "Conn/CloseComesBehindFrames"},
		{"always closed", "Conn/CloseIsHeardByBusyPeer"},
		{"slow close", "Conn/CloseDoesNotWaitForSilentPeer"},
		{"no close", "Conn/CloseAtAnyTime"},

		{streamFault + "streams differ", "Stream/NumberIsTheSameOnBothEnds"},
		{streamFault + "new streams", "Stream/NumberIsTheSameOnBothEnds"},
		{streamFault + "truncates", "Stream/FramesArriveWhole"},
		{streamFault + "mixed streams", "Stream/FramesArriveInOrderOnEach"},
		{streamFault + "reorders", "Stream/FramesArriveInOrderOnEach"},
		{streamFault + "retains", "Stream/SendBorrowsFrames"},
		{streamFault + "adjacent", "Stream/RecvMayBeScribbledOver"},
		{streamFault + "one lock", "Stream/StalledDoesNotHoldUpOthers"},
		{streamFault + "large lock", "Stream/LargeFrameDoesNotHoldUpOthers"},
		{streamFault + "unlimited", "Stream/TooLargeFrameEndsTheConnection"},
		{streamFault + "unlimited streams", "Stream/LimitReadsHoldsForAll"},
		{streamFault + "local errors", "Stream/ErrorsAreFinalForAll"},
		{streamFault + "open streams", "Stream/CloseUnblocksAll"},
		{streamFault + "other errors", "Stream/CloseUnblocksAll"},
		{streamFault + "mute streams", "Stream/CloseTellsThePeerWhyOnAll"},
		{streamFault + "early goodbye", "Stream/CloseComesBehindFramesOfAll"},
	} {
		t.Run(c.fault+"/"+c.clause, func(t *testing.T) {
			t.Parallel()
			output, err := runBroken(t, c.fault, "^"+strings.Replace(c.clause, "/", "$/^", 1)+"$")
			if err == nil || !strings.Contains(output, "--- FAIL: TestBrokenTransport/"+c.clause) {
				t.Errorf("%s does not fail (%v):\n%s", c.clause, err, output)
			}
		})
	}
}

// TestMultiStreamIsRight makes sure that the streams pass when nothing is wrong with
// them.
func TestMultiStreamIsRight(t *testing.T) {
	if output, err := runBroken(t, streamFault, "^Stream$"); err != nil || !strings.Contains(output, "--- PASS: TestBrokenTransport/Stream/") {
		t.Errorf("the cases of streams fail (%v):\n%s", err, output)
	}
}

// runBroken runs cases against a transport with a fault.
func runBroken(t *testing.T, fault, cases string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], "-test.v", "-test.run=^TestBrokenTransport$/"+cases)
	command.Env = append(os.Environ(), faultVariable+"="+fault)
	all, err := command.CombinedOutput()
	return string(all), err
}
