package hostcompat

import "reflect"

// Needs says which of the library's faults have to be worked around.
type Needs struct {
	// HeldConnect: the library answers CONNECT before it has noted that the client is in
	// the namespace. If the client sends an event at once, the library finds it in an
	// "invalid state" and disconnects it. Remedy: over WebSocket the answer waits in the
	// transport's queue until the namespace emits "connect"; with other transports the
	// event waits behind the task that connects the socket.
	HeldConnect bool

	// DelayedPing: the engine sets the timer for the pong after its ping was sent. It
	// misses a faster pong, and closes the client. Remedy: pings of the library's engine
	// sockets are sent a moment later.
	DelayedPing bool

	// UpgradeEndsSocket: while the engine changes a client's transports, the socket does
	// not get the "close" of the new transport. Remedy: it gets that after the change.
	UpgradeEndsSocket bool

	// UpgradeEndsTransport: meanwhile the new transport does not learn that the socket is
	// closed. Remedy: it is closed after the change.
	UpgradeEndsTransport bool

	// ProbeEnd: if a client leaves right before it answers the probe of an upgrade, the
	// engine keeps a periodic check for it for ever. Remedy: the end of the upgrade is
	// emitted again after the probe.
	ProbeEnd bool

	// TakenHidden: the library goes on with a handshake although the transport that it was
	// given is closed. Remedy: the engine's listeners do not get a connection that has such
	// a transport because the mesh has taken over its client.
	TakenHidden bool

	// AnswersAgain: the library refuses a request, and emits that to listeners, although
	// the option AllowRequest has answered it. Remedy: the library keeps the first client
	// of a server until it has accepted it.
	AnswersAgain bool
}

// table has the needs of the versions that the tests run with.
var table = map[string]Needs{
	"v3.0.5": allNeeds(),
	"v3.0.6": allNeedsBut(func(n *Needs) {
		n.UpgradeEndsTransport = false
		n.TakenHidden = false
		n.AnswersAgain = false
	}),
}

// allNeeds works around everything.
func allNeeds() Needs {
	var n Needs
	fields := reflect.ValueOf(&n).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetBool(true)
	}
	return n
}

// allNeedsBut is for a version in which some faults are repaired.
func allNeedsBut(mended func(*Needs)) Needs {
	n := allNeeds()
	mended(&n)
	return n
}
