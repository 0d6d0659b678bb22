package mesh_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m,
		// Its probe of a node ends when its time is up, or later, after Shutdown.
		goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"),
		// A lookup ends when it is answered or its time is up, whatever its context does.
		goleak.IgnoreAnyFunction("net.(*Resolver).tryOneName"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIP"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"))
}
