package core

import (
	"fmt"
	"time"
)

// Kind says what a [Message] requests or answers. The values up to [KindAdapterClose] are
// the reference's wire numbers. Only Go nodes use the values above, and no codec for
// reference peers encodes them.
type Kind uint8

const (
	KindInitialHeartbeat       Kind = 1  // a namespace was opened on the sender; reference peers answer with a Heartbeat
	KindHeartbeat              Kind = 2  // this namespace is open on the sender
	KindBroadcast              Kind = 3  // an event for clients; with a RequestID, their acknowledgements are wanted
	KindSocketsJoin            Kind = 4  // matching sockets join Rooms
	KindSocketsLeave           Kind = 5  // matching sockets leave Rooms
	KindDisconnectSockets      Kind = 6  // matching sockets are disconnected
	KindFetchSockets           Kind = 7  // asks for the matching sockets
	KindFetchSocketsResponse   Kind = 8  // answers FetchSockets
	KindServerSideEmit         Kind = 9  // an event for servers; with a RequestID, an answer is wanted
	KindServerSideEmitResponse Kind = 10 // answers ServerSideEmit
	KindBroadcastClientCount   Kind = 11 // first answer to an acknowledged Broadcast: how many clients got it
	KindBroadcastAck           Kind = 12 // one client's acknowledgement
	KindAdapterClose           Kind = 13 // the namespace was closed on the sender

	KindSocketsLeaveAll Kind = 14 // matching sockets leave every room, also the one of their id

	lastKind = KindSocketsLeaveAll

	// KindInterest is the kind under which [Stats] and [Observer] count the frames in
	// which nodes tell each other of their rooms. No [Message] has it.
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

// String returns the kind's name in logs and metrics.
func (k Kind) String() string {
	if k.Valid() || k == KindInterest {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Valid reports whether this version knows k.
func (k Kind) Valid() bool { return k >= KindInitialHeartbeat && k <= lastKind }

// Reference reports whether k exists in the reference's protocol.
func (k Kind) Reference() bool { return k.Valid() && k <= KindAdapterClose }

// NeedsRooms reports whether a message of kind k needs Rooms, which may be empty.
func (k Kind) NeedsRooms() bool { return k == KindSocketsJoin || k == KindSocketsLeave }

// IsResponse reports whether k answers a request. Responses are sent to the requester
// only.
func (k Kind) IsResponse() bool {
	switch k {
	case KindFetchSocketsResponse, KindServerSideEmitResponse, KindBroadcastClientCount, KindBroadcastAck:
		return true
	}
	return false
}

// Message is what nodes send to each other about one namespace. Which fields are used
// depends on Kind:
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
// A Message and everything that it points to must not be changed once it was published or
// delivered.
type Message struct {
	Kind      Kind
	From      string // id of the node that sent it
	Namespace string // such as "/", "/admin"
	RequestID string // opaque, chosen by the requester; "" if no answer is wanted
	To        Target
	Payload   Payload
	Rooms     []string
	Close     bool // DisconnectSockets: close the underlying connection too
	Brief     bool // FetchSockets: ids and rooms are enough; answers may omit handshake and data
	Count     int  // BroadcastClientCount: number of clients, ≥ 0
	Sockets   []Socket
	// Trace is the text that a [RequestTracer] has added to a request, together with its
	// RequestID; "" for none. Codecs may leave it out, and the reference's does.
	Trace string
}

// Volatile reports whether m may be dropped under pressure: it is a broadcast without
// acknowledgements, and its sender has marked it as volatile.
func (m *Message) Volatile() bool {
	return m.Kind == KindBroadcast && m.RequestID == "" && m.To.Flags.Volatile
}

// Target selects sockets of a namespace: those in any of Rooms (all sockets if Rooms is
// empty) that are in none of Except. A socket's id is the name of a room of its own.
type Target struct {
	Rooms  []string
	Except []string
	Flags  Flags
}

// Flags modify a broadcast or a request. In the zero value none is set.
type Flags struct {
	Volatile             bool          // the message may be dropped if the client is not ready
	Local                bool          // this server only; never encoded
	ExpectSingleResponse bool          // the message is for one client, through a remote socket handle
	Compress             Compress      // whether clients get it compressed
	Timeout              time.Duration // how long to wait for answers; encoded in whole milliseconds, rounded up; 0 if not set
}

// Compress is Socket.IO's compress flag, which may be absent.
type Compress uint8

const (
	CompressUnset Compress = iota
	CompressOn
	CompressOff
)

// Socket describes one socket of the cluster, on any server.
type Socket struct {
	ID    string
	Rooms []string
	// Handshake is a JSON object with the fields of the reference's handshake: headers,
	// time, address, xdomain, secure, issued (ms), url, query, auth. Zero in answers to a
	// Brief request.
	Handshake Payload
	// Address is the client's address with its port; the handshake has the host only. ""
	// if unknown: reference peers do not send it, and are not sent it.
	Address string
	// Data is what the application attached to the socket; {} if nothing. Zero in answers
	// to a Brief request.
	Data Payload
}
