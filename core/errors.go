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
	// ErrMalformed: bytes from a peer that are not what the protocol says.
	ErrMalformed = errors.New("malformed")
	// ErrUnsupported: a message that a codec or a peer has no form for.
	ErrUnsupported = errors.New("unsupported")
	// ErrUnauthorized: a wrong or missing token or certificate, on either side.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrSlowPeer: a peer was cut because its queue was full.
	ErrSlowPeer = errors.New("slow peer")
	// ErrSilentPeer: a peer was cut because nothing was heard of it.
	ErrSilentPeer = errors.New("silent peer")
	// ErrPeerLeft: a peer said goodbye.
	ErrPeerLeft = errors.New("peer left")
	// ErrReplaced: a link gave way to a newer one of the same peer.
	ErrReplaced = errors.New("replaced by a newer link")
	// ErrRestarted: a peer came back as another process, which knows nothing of what the
	// one before had.
	ErrRestarted = errors.New("peer restarted")
	// ErrExpired: a peer was without a link for longer than the resume window.
	ErrExpired = errors.New("peer did not come back within the resume window")
	// ErrDuplicateID: a connection of another process with the id of a peer that is
	// linked.
	ErrDuplicateID = errors.New("another process with this id is linked")
	// ErrImpostor: a connection that names the id of a peer that is linked, or may resume,
	// and does not prove to be it: it has not the key of that process, or a certificate
	// with another identity. It wraps [ErrDuplicateID].
	ErrImpostor = fmt.Errorf("impostor: %w", ErrDuplicateID)
	// ErrRelayed: a connection on whose way somebody opens TLS, or ends it and opens it anew.
	// It wraps [ErrUnauthorized].
	ErrRelayed = fmt.Errorf("%w: something between the two ends of the connection opens TLS of its own (if it is a proxy of yours, set AllowTLSProxies, MESH_ALLOW_TLS_PROXIES)", ErrUnauthorized)
	// ErrNoListener: nothing listens at an address: the process there has gone. A
	// [Transport] whose Dial can tell wraps it, or the system's "connection refused".
	ErrNoListener = errors.New("nothing listens at the address")
	// ErrClosed: the node or adapter has been shut down.
	ErrClosed = errors.New("closed")
	// ErrNoCommonCodec: two nodes share no codec.
	ErrNoCommonCodec = errors.New("no common codec")
	// ErrNoCommonVersion: two nodes share no protocol version.
	ErrNoCommonVersion = errors.New("no common protocol version")
	// ErrIncomplete: an answer without some of the servers. See [IncompleteError].
	ErrIncomplete = errors.New("incomplete answer")
	// ErrForged: a message that names another sender than the link's peer, and is
	// not what an emitter may send under the name "emitter".
	ErrForged = errors.New("sender is not the link's peer")
	// ErrForbidden: something that the role of a node does not allow.
	ErrForbidden = errors.New("not allowed to a node of this role")
	// ErrTooLarge: a message above the frame limit.
	ErrTooLarge = errors.New("message above the frame limit")
	// ErrSelf: an address that turned out to be this node's own.
	ErrSelf = errors.New("address is this node's own")
	// ErrForbiddenAddress: an address in a network that is not to be dialled.
	ErrForbiddenAddress = errors.New("address is in a network that is not allowed")
	// ErrUnknownPeer: a reference peer that is known by address only. It never
	// says its id, so it has to be found through a discovery service.
	ErrUnknownPeer = errors.New("reference peer without an id: use a discovery service")
	// ErrBusy: too many handshakes at once.
	ErrBusy = errors.New("too many handshakes under way")
	// ErrNamespaceOpen: a namespace that has an adapter on this node already.
	ErrNamespaceOpen = errors.New("namespace is open already")
	// ErrNoServer: the peer asked for is not in the mesh.
	ErrNoServer = errors.New("no such server in the mesh")
)

// ConfigError says which option is wrong, and what is allowed.
type ConfigError struct {
	Field   string // as in the configuration struct
	Value   any
	Allowed string
	Bound   Bound // the option that Allowed compares with, if it ends in one's name
}

// Bound is an option that another one has to fit.
type Bound struct {
	Field string
	Value any
}

// Error names field, value and what is allowed, with the value of the bound.
func (e *ConfigError) Error() string {
	text := fmt.Sprintf("%s: %s is not allowed: want %s", e.Field, showOption(e.Field, e.Value), e.Allowed)
	if e.Bound.Field != "" {
		text += ", " + showOption(e.Bound.Field, e.Bound.Value)
	}
	return text
}

// showOption shows a value as people write it: sizes with their unit.
func showOption(field string, value any) string {
	n, isInt := value.(int)
	if isInt && n >= 1024 && (strings.HasSuffix(field, "Bytes") || field == "MaxFrame" || field == "MaxMessage" || field == "QueueMinRate") {
		return human.Size(n).String()
	}
	return astyped.Show(value)
}

// IncompleteError comes beside a partial answer: it names the servers that are in
// the mesh and did not answer. errors.Is finds [ErrIncomplete], and Cause where
// there is one.
type IncompleteError struct {
	Operation string   // as "fetch-sockets"
	Missing   []string // ids of the servers whose answer, or part of it, is missing; sorted
	Left      []string // ids of those that left or died before they had answered; sorted
	// Cause is context.DeadlineExceeded if the time ran out, ctx's cause if it
	// was cancelled, [ErrClosed] if this side shut down, and [ErrReplaced] if
	// everybody who is missing had lost the link to this server, and has a new one.
	Cause error
}

// Error names the operation, who is missing and why.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%s: missing %d servers (%s): %v", e.Operation, len(e.Missing), strings.Join(e.Missing, ", "), e.Cause)
}

// Unwrap lets errors.Is find ErrIncomplete and the cause.
func (e *IncompleteError) Unwrap() []error { return []error{ErrIncomplete, e.Cause} }

// MismatchError says why two Go nodes cannot talk. errors.Is finds
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
