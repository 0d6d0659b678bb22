package core

import (
	"errors"
	"fmt"
	"strings"

	"github.com/socketmesh/mesh/internal/astyped"
	"github.com/socketmesh/mesh/internal/human"
)

// Sentinels, for errors.Is.
var (
	// ErrMalformed: bytes from a peer violate the protocol.
	ErrMalformed = errors.New("malformed")
	// ErrUnsupported: a codec or a peer cannot represent a message.
	ErrUnsupported = errors.New("unsupported")
	// ErrUnauthorized: a wrong or missing token or certificate, on either side.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrSlowPeer: a peer did not keep up with what was sent to it.
	ErrSlowPeer = errors.New("slow peer")
	// ErrSilentPeer: a link was ended because nothing was received on it for too long.
	ErrSilentPeer = errors.New("silent peer")
	// ErrPeerLeft: a peer said goodbye.
	ErrPeerLeft = errors.New("peer left")
	// ErrReplaced: a newer link to the same peer has replaced a link.
	ErrReplaced = errors.New("replaced by a newer link")
	// ErrRestarted: a peer came back as another process, which has nothing of the state
	// of the one before.
	ErrRestarted = errors.New("peer restarted")
	// ErrExpired: a peer was without a link for longer than the resume window.
	ErrExpired = errors.New("peer did not come back within the resume window")
	// ErrDuplicateID: another process wants a link under the id of a linked peer.
	ErrDuplicateID = errors.New("another process with this id is linked")
	// ErrImpostor: a connection claims the id of a peer that is linked, or may resume,
	// and does not prove that it is this peer: it lacks the key of that process, or has a
	// certificate with another identity. It wraps [ErrDuplicateID].
	ErrImpostor = fmt.Errorf("impostor: %w", ErrDuplicateID)
	// ErrRelayed: a third party between the two ends of a connection opens TLS, or ends it
	// and opens it anew. It wraps [ErrUnauthorized].
	ErrRelayed = fmt.Errorf("%w: something between the two ends of the connection opens TLS of its own (if it is a proxy of yours, set AllowTLSProxies, MESH_ALLOW_TLS_PROXIES)", ErrUnauthorized)
	// ErrNoListener: nothing listens at an address, so the process there is gone. A
	// [Transport] whose Dial can tell this wraps it, or the system's "connection
	// refused".
	ErrNoListener = errors.New("nothing listens at the address")
	// ErrClosed: the node or adapter has been shut down.
	ErrClosed = errors.New("closed")
	// ErrNoCommonCodec: two nodes share no codec.
	ErrNoCommonCodec = errors.New("no common codec")
	// ErrNoCommonVersion: two nodes share no protocol version.
	ErrNoCommonVersion = errors.New("no common protocol version")
	// ErrIncomplete: the answers of some servers are missing. See [IncompleteError].
	ErrIncomplete = errors.New("incomplete answer")
	// ErrForged: a message names another sender than the link's peer, and is not one that
	// an emitter may send under the name "emitter".
	ErrForged = errors.New("sender is not the link's peer")
	// ErrForbidden: the role of a node does not allow what it has sent or asked.
	ErrForbidden = errors.New("not allowed to a node of this role")
	// ErrTooLarge: a message is above the frame limit.
	ErrTooLarge = errors.New("message above the frame limit")
	// ErrSelf: an address turned out to be this node's own.
	ErrSelf = errors.New("address is this node's own")
	// ErrForbiddenAddress: an address is in a network that must not be dialled.
	ErrForbiddenAddress = errors.New("address is in a network that is not allowed")
	// ErrUnknownPeer: of a reference peer only the address is known. A reference peer
	// does not send its id when it is dialled, so a discovery service has to report it.
	ErrUnknownPeer = errors.New("reference peer without an id: use a discovery service")
	// ErrBusy: too many handshakes at once.
	ErrBusy = errors.New("too many handshakes under way")
	// ErrNamespaceOpen: the namespace has an adapter on this node already.
	ErrNamespaceOpen = errors.New("namespace is open already")
	// ErrNoServer: the server that was asked is not in the mesh.
	ErrNoServer = errors.New("no such server in the mesh")
)

// ConfigError says which option is wrong, and which values are allowed.
type ConfigError struct {
	Field   string // as in the configuration struct
	Value   any
	Allowed string
	Bound   Bound // the option with whose name Allowed ends, if it does
}

// Bound is an option that limits another one.
type Bound struct {
	Field string
	Value any
}

// Error names the field, its value and the allowed values, with the value of Bound.
func (e *ConfigError) Error() string {
	text := fmt.Sprintf("%s: %s is not allowed: want %s", e.Field, showOption(e.Field, e.Value), e.Allowed)
	if e.Bound.Field != "" {
		text += ", " + showOption(e.Bound.Field, e.Bound.Value)
	}
	return text
}

// showOption formats a value as people write it: sizes with their unit.
func showOption(field string, value any) string {
	n, isInt := value.(int)
	if isInt && n >= 1024 && (strings.HasSuffix(field, "Bytes") || field == "MaxFrame" || field == "MaxMessage" || field == "QueueMinRate") {
		return human.Size(n).String()
	}
	return astyped.Show(value)
}

// IncompleteError accompanies a partial answer: it names the servers that are in the mesh
// and did not answer. errors.Is finds [ErrIncomplete], and Cause if it is set.
type IncompleteError struct {
	Operation string   // as "fetch-sockets"
	Missing   []string // ids of the servers whose answer, or part of it, is missing; sorted
	Left      []string // ids of the servers that left or died before they had answered; sorted
	// Cause is context.DeadlineExceeded if the time ran out, ctx's cause if it was
	// cancelled, [ErrClosed] if this side shut down, and [ErrReplaced] if all missing
	// servers had lost the link to this one, and have a new one.
	Cause error
}

// Error names the operation, the missing servers and the cause.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%s: missing %d servers (%s): %v", e.Operation, len(e.Missing), strings.Join(e.Missing, ", "), e.Cause)
}

// Unwrap lets errors.Is find ErrIncomplete and the cause.
func (e *IncompleteError) Unwrap() []error { return []error{ErrIncomplete, e.Cause} }

// MismatchError says why two Go nodes cannot communicate. errors.Is finds
// [ErrNoCommonCodec] or [ErrNoCommonVersion].
type MismatchError struct {
	Ours, Theirs string // the two offers
	Err          error
}

// Error names both offers.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%v: we offer %s; the peer offers %s", e.Err, e.Ours, e.Theirs)
}

// Unwrap returns the sentinel.
func (e *MismatchError) Unwrap() error { return e.Err }
