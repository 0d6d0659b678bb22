package core

import (
	"fmt"
	"strings"
	"time"
)

// RosterStatus compares the roster with the current links.
type RosterStatus struct {
	// Heard reports whether discovery has reported a roster since Start.
	Heard bool
	// Others is the number of servers in the roster, without this one.
	Others int
	// Unlinked are those of them that have no link to this one, sorted by address.
	Unlinked []UnlinkedPeer
	// Endpoints are what the discovery asks, if it reports them: see [EndpointReporter].
	Endpoints []DiscoveryEndpoint
}

// UnlinkedPeer is a server of the roster without a link to this one.
type UnlinkedPeer struct {
	Peer
	Since time.Time // when it was listed, or lost its link
	Err   error     // why the last attempt to link failed, at either end; nil if unknown
}

// PeersError is the error of waiting for peers: fewer were linked than wanted. errors.Is
// finds Cause.
type PeersError struct {
	Want     int
	Linked   int
	Unlinked []UnlinkedPeer // servers of the roster without a link
	Cause    error          // the cause of the context's end, or [ErrClosed]
}

// shownPeers limits the entries of a list that an error shows.
const shownPeers = 10

// Error names the number of linked peers, and the addresses of those that are not linked,
// with the last error of each.
func (e *PeersError) Error() string {
	text := fmt.Sprintf("waiting for %d peers: %d linked: %v", e.Want, e.Linked, e.Cause)
	if len(e.Unlinked) == 0 {
		return text + "; discovery knows of no other server"
	}
	return text + "; not linked: " + listUnlinked(e.Unlinked)
}

// Unwrap returns the cause.
func (e *PeersError) Unwrap() error { return e.Cause }

func listUnlinked(peers []UnlinkedPeer) string {
	var list []string
	for _, p := range peers[:min(len(peers), shownPeers)] {
		why := "not dialled yet, or it dials"
		if p.Err != nil {
			why = p.Err.Error()
		}
		list = append(list, fmt.Sprintf("%s (%s)", p.Address, why))
	}
	if more := len(peers) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// NotReadyError says why a server is not ready for clients.
type NotReadyError struct {
	Failed []FailedCheck // at least one
}

// FailedCheck is one reason why a server is not ready.
type FailedCheck struct {
	Name   string // "listening", "discovery" or "peers"
	Detail string
}

// Error names every check that has failed.
func (e *NotReadyError) Error() string {
	list := make([]string, len(e.Failed))
	for i, check := range e.Failed {
		list[i] = check.Name + ": " + check.Detail
	}
	return "not ready: " + strings.Join(list, "; ")
}
