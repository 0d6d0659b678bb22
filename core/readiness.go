package core

import (
	"fmt"
	"strings"
	"time"
)

// RosterStatus compares what discovery says with the links that there are.
type RosterStatus struct {
	// Heard tells whether discovery has reported a roster since Start.
	Heard bool
	// Others is the number of servers in the roster beside this one.
	Others int
	// Unlinked are those of them without a link to this one, sorted by address.
	Unlinked []UnlinkedPeer
	// Endpoints are what discovery asks, if it tells: see [EndpointReporter].
	Endpoints []DiscoveryEndpoint
}

// UnlinkedPeer is a server of the roster without a link to this one.
type UnlinkedPeer struct {
	Peer
	Since time.Time // when it was listed, or lost its link
	Err   error     // why the last attempt to link with it failed, at either end; nil if that is not known
}

// PeersError says that fewer peers were linked than somebody waited for. errors.Is
// finds Cause.
type PeersError struct {
	Want     int
	Linked   int
	Unlinked []UnlinkedPeer // of the roster
	Cause    error          // the end of the context, or [ErrClosed]
}

// shownPeers bounds how many of a list an error names.
const shownPeers = 10

// Error names how many were linked, and the addresses of those that are not, with the
// last error of each.
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

// FailedCheck is one reason.
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
