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

// faultVariable tells the process that TestBrokenOnesFail starts what is to be
// wrong with its transport.
const faultVariable = "TRANSPORTTEST_FAULT"

// laneFault begins the names of the faults that connections with lanes have.
const laneFault = "lanes: "

// TestBrokenOne is run by TestBrokenOnesFail, in another process.
func TestBrokenOne(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("is run by TestBrokenOnesFail")
	}
	Run(t, func(*testing.T) Fixture {
		n := mem.NewNetwork(mem.WithMaxFrame(1 << 20))
		acceptor, dialler := n.Transport("a"), n.Transport("b")
		if lane, ok := strings.CutPrefix(fault, laneFault); ok {
			var group atomic.Int64
			acceptor = &laned{Transport: acceptor, fault: lane, group: &group}
			dialler = &laned{Transport: dialler, fault: lane, group: &group}
		} else {
			acceptor = &broken{Transport: acceptor, fault: fault}
			dialler = &broken{Transport: dialler, fault: fault}
		}
		patience := time.Second
		if fault == laneFault {
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

// TestBrokenOnesFail checks that the suite finds each fault, in the right case.
func TestBrokenOnesFail(t *testing.T) {
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
		{"roomy", "Conn/RecvMayBeScribbledOver"},
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

		{laneFault + "lanes differ", "Lane/NumberIsTheSameOnBothEnds"},
		{laneFault + "new lanes", "Lane/NumberIsTheSameOnBothEnds"},
		{laneFault + "truncates", "Lane/FramesArriveWhole"},
		{laneFault + "mixed lanes", "Lane/FramesArriveInOrderOnEach"},
		{laneFault + "reorders", "Lane/FramesArriveInOrderOnEach"},
		{laneFault + "retains", "Lane/SendBorrowsFrames"},
		{laneFault + "roomy", "Lane/RecvMayBeScribbledOver"},
		{laneFault + "one lock", "Lane/StalledDoesNotHoldUpOthers"},
		{laneFault + "large lock", "Lane/LargeFrameDoesNotHoldUpOthers"},
		{laneFault + "unlimited", "Lane/TooLargeFrameEndsTheConnection"},
		{laneFault + "unlimited lanes", "Lane/LimitReadsHoldsForAll"},
		{laneFault + "local errors", "Lane/ErrorsAreFinalForAll"},
		{laneFault + "open lanes", "Lane/CloseUnblocksAll"},
		{laneFault + "other errors", "Lane/CloseUnblocksAll"},
		{laneFault + "mute lanes", "Lane/CloseTellsThePeerWhyOnAll"},
		{laneFault + "early goodbye", "Lane/CloseComesBehindFramesOfAll"},
	} {
		t.Run(c.fault+"/"+c.clause, func(t *testing.T) {
			t.Parallel()
			output, err := runBroken(t, c.fault, "^"+strings.Replace(c.clause, "/", "$/^", 1)+"$")
			if err == nil || !strings.Contains(output, "--- FAIL: TestBrokenOne/"+c.clause) {
				t.Errorf("%s does not fail (%v):\n%s", c.clause, err, output)
			}
		})
	}
}

// TestLanedIsRight makes sure that the lanes pass when nothing is wrong with
// them.
func TestLanedIsRight(t *testing.T) {
	if output, err := runBroken(t, laneFault, "^Lane$"); err != nil || !strings.Contains(output, "--- PASS: TestBrokenOne/Lane/") {
		t.Errorf("the cases of lanes fail (%v):\n%s", err, output)
	}
}

// runBroken runs cases against a transport with a fault.
func runBroken(t *testing.T, fault, cases string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], "-test.v", "-test.run=^TestBrokenOne$/"+cases)
	command.Env = append(os.Environ(), faultVariable+"="+fault)
	all, err := command.CombinedOutput()
	return string(all), err
}
