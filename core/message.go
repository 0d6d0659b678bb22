package core

import (
	"fmt"
	"time"
)

// Kind says what a [Message] asks for or answers. The values up to
// [KindAdapterClose] are the reference's wire numbers; those above are spoken
// between Go nodes only, and no codec for reference peers carries them.
type Kind uint8

const (
	KindInitialHeartbeat       Kind = 1  // a namespace opened here; reference peers answer with a Heartbeat
	KindHeartbeat              Kind = 2  // this namespace is (still) open here
	KindBroadcast              Kind = 3  // an event for clients; with a RequestID their acknowledgements are wanted
	KindSocketsJoin            Kind = 4  // matching sockets join Rooms
	KindSocketsLeave           Kind = 5  // matching sockets leave Rooms
	KindDisconnectSockets      Kind = 6  // matching sockets are disconnected
	KindFetchSockets           Kind = 7  // asks for the matching sockets
	KindFetchSocketsResponse   Kind = 8  // answers FetchSockets
	KindServerSideEmit         Kind = 9  // an event for servers; with a RequestID an answer is wanted
	KindServerSideEmitResponse Kind = 10 // answers ServerSideEmit
	KindBroadcastClientCount   Kind = 11 // first answer to an acknowledged Broadcast: how many clients got it
	KindBroadcastAck           Kind = 12 // one client's acknowledgement
	KindAdapterClose           Kind = 13 // the namespace closed here

	KindSocketsLeaveAll Kind = 14 // matching sockets leave every room, their own too

	lastKind = KindSocketsLeaveAll

	// KindInterest is what [Stats] and [Observer] call the frames in which nodes
	// tell each other of their rooms. No [Message] has it.
	KindInterest Kind = 15
)

var kindNames = [...]string{
	KindInitialHeartbeat:       "initial-heartbeat",
	KindHeartbeat:              "heartbeat",
	KindBroadcast:              "broadcast",
	KindSocketsJoin:            "sockets-join",
	KindSocketsLeave:           "sockets-leave",
	KindDisconnectSockets:      "disconnect-sockets",
	KindFetchSockets:           "fetch-sockets",
	KindFetchSocketsResponse:   "fetch-sockets-response",
	KindServerSideEmit:         "server-side-emit",
	KindServerSideEmitResponse: "server-side-emit-response",
	KindBroadcastClientCount:   "broadcast-client-count",
	KindBroadcastAck:           "broadcast-ack",
	KindAdapterClose:           "adapter-close",
	KindSocketsLeaveAll:        "sockets-leave-all",
	KindInterest:               "interest",
}

// String names the kind, as logs and metrics show it.
func (k Kind) String() string {
	if k.Valid() || k == KindInterest {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Valid tells whether k is a kind this version knows.
func (k Kind) Valid() bool { return k >= KindInitialHeartbeat && k <= lastKind }

// Reference tells whether k exists in the reference's protocol.
func (k Kind) Reference() bool { return k.Valid() && k <= KindAdapterClose }

// NeedsRooms tells whether a message of kind k is nothing without Rooms, be they
// empty.
func (k Kind) NeedsRooms() bool { return k == KindSocketsJoin || k == KindSocketsLeave }

// IsResponse tells whether k answers a request. Responses go to the requester
// alone.
func (k Kind) IsResponse() bool {
	switch k {
	case KindFetchSocketsResponse, KindServerSideEmitResponse, KindBroadcastClientCount, KindBroadcastAck:
		return true
	}
	return false
}

// Message is what nodes say to each other about one namespace. Which fields
// count depends on Kind:
//
//	Broadcast                        To, Payload (JSON array: event, args…), RequestID if acknowledgements are wanted
//	SocketsJoin, SocketsLeave        To, Rooms
//	SocketsLeaveAll                  To
//	DisconnectSockets                To, Close
//	FetchSockets                     To, RequestID, Brief
//	FetchSocketsResponse             RequestID, Sockets
//	ServerSideEmit                   Payload (JSON array: event, args…), RequestID if an answer is wanted
//	ServerSideEmitResponse           RequestID, Payload (one value)
//	BroadcastClientCount             RequestID, Count
//	BroadcastAck                     RequestID, Payload (one value)
//	InitialHeartbeat, Heartbeat, AdapterClose   nothing
//
// A Message and all it points to is immutable once published or dispatched.
type Message struct {
	Kind      Kind
	From      string // id of the node that sent it
	Namespace string // as "/", "/admin"
	RequestID string // opaque, chosen by the requester; "" where no answer is wanted
	To        Target
	Payload   Payload
	Rooms     []string
	Close     bool // DisconnectSockets: close the underlying connection too
	Brief     bool // FetchSockets: ids and rooms are enough; answers may leave handshake and data out
	Count     int  // BroadcastClientCount: number of clients, ≥ 0
	Sockets   []Socket
	// Trace is what a [RequestTracer] has made of a request, with its RequestID; "" for
	// nothing. Codecs may leave it out, and the reference's does.
	Trace string
}

// Volatile tells whether m may be dropped under pressure: a plain broadcast
// whose sender said so.
func (m *Message) Volatile() bool {
	return m.Kind == KindBroadcast && m.RequestID == "" && m.To.Flags.Volatile
}

// Target says which sockets of a namespace are meant: those in any of Rooms (all
// sockets where Rooms is empty) that are in none of Except. A socket's id is a
// room of its own.
type Target struct {
	Rooms  []string
	Except []string
	Flags  Flags
}

// Flags modify a broadcast or a request. The zero value is none set.
type Flags struct {
	Volatile             bool          // the message may be lost where the client is not ready
	Local                bool          // this server only; never on the wire
	ExpectSingleResponse bool          // one client is meant, through a remote socket handle
	Compress             Compress      // whether clients get it compressed
	Timeout              time.Duration // how long answers are awaited; whole milliseconds on the wire, rounded up; 0 = not set
}

// Compress is Socket.IO's compress flag, which may be absent.
type Compress uint8

const (
	CompressUnset Compress = iota
	CompressOn
	CompressOff
)

// Socket describes one socket of the cluster, wherever it lives.
type Socket struct {
	ID    string
	Rooms []string
	// Handshake is a JSON object with the members of the reference's handshake:
	// headers, time, address, xdomain, secure, issued (ms), url, query, auth.
	// Zero in answers to a Brief request.
	Handshake Payload
	// Address is the client's address with its port, of which the handshake has only
	// the host. "" if unknown: reference peers do not tell, and are not told.
	Address string
	// Data is whatever the application attached; {} if nothing. Zero in answers
	// to a Brief request.
	Data Payload
}
