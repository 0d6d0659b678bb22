package hostcompat

import "reflect"

// Needs says which of the library's faults have to be mended.
type Needs struct {
	// HeldConnect: the library answers CONNECT before it has noted that the client
	// is in the namespace. An event that the client sends at once meets a client in
	// an "invalid state", which is disconnected. Remedy: over WebSocket the answer waits
	// in the transport's queue until the namespace says "connect"; with other transports
	// the event waits behind the task that connects the socket.
	HeldConnect bool

	// DelayedPing: the engine sets the timer for the pong when its ping is on the
	// way. It does not hear of a faster pong, and gives the client up. Remedy: pings
	// of the library's engine sockets leave a moment later.
	DelayedPing bool

	// UpgradeEndsSocket: while the engine changes a client's transports, the socket does
	// not hear of the new transport's end. Remedy: it is told after the change.
	UpgradeEndsSocket bool

	// UpgradeEndsTransport: neither does the new transport hear of the socket's end.
	// Remedy: likewise.
	UpgradeEndsTransport bool

	// ProbeEnd: a client that goes right before it answers the probe of an upgrade
	// is looked after at intervals for ever. Remedy: the end of the upgrade is told
	// again after the probe.
	ProbeEnd bool

	// TakenHidden: the library goes on with a handshake although the transport that
	// it has got for it is closed. Remedy: the engine's listeners do not hear of a
	// connection that has such a transport because the mesh has taken its client
	// over.
	TakenHidden bool

	// AnswersAgain: the library refuses a request, and tells listeners so, although
	// the option AllowRequest has had it answered. Remedy: it keeps the first request of
	// a server until it has let the client in.
	AnswersAgain bool
}

// table has the versions that the tests run with.
var table = map[string]Needs{
	"v3.0.5": allNeeds(),
	"v3.0.6": allNeedsBut(func(n *Needs) {
		n.UpgradeEndsTransport = false
		n.TakenHidden = false
		n.AnswersAgain = false
	}),
}

// allNeeds mends everything.
func allNeeds() Needs {
	var n Needs
	fields := reflect.ValueOf(&n).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetBool(true)
	}
	return n
}

// allNeedsBut is for a version that has mended something.
func allNeedsBut(mended func(*Needs)) Needs {
	n := allNeeds()
	mended(&n)
	return n
}
