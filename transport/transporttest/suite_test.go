package transporttest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// faultVariable tells the process that TestBrokenOnesFail starts what is to be
// wrong with its transport.
const faultVariable = "TRANSPORTTEST_FAULT"

// TestBrokenOne is run by TestBrokenOnesFail, in another process.
func TestBrokenOne(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("is run by TestBrokenOnesFail")
	}
	Run(t, func(*testing.T) Fixture {
		n := mem.NewNetwork(mem.WithMaxFrame(1 << 20))
		return Fixture{
			Transport:  &broken{Transport: n.Transport("a"), fault: fault},
			Dialler:    &broken{Transport: n.Transport("b"), fault: fault},
			Nowhere:    "mem://nowhere",
			BadAddress: "mem://bad",
			MaxFrame:   1 << 20,
			Patience:   time.Second,
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
	} {
		t.Run(c.fault+"/"+c.clause, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			pattern := "^TestBrokenOne$/^" + strings.Replace(c.clause, "/", "$/^", 1) + "$"
			command := exec.CommandContext(ctx, os.Args[0], "-test.run="+pattern)
			command.Env = append(os.Environ(), faultVariable+"="+c.fault)
			output, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: TestBrokenOne/"+c.clause) {
				t.Errorf("%s does not fail (%v):\n%s", c.clause, err, output)
			}
		})
	}
}
