package coretest

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// RecordingObserver is an observer that records what happens to peers. All methods are
// safe for concurrent use; the zero value is ready.
type RecordingObserver struct {
	core.NopObserver // the other events are not recorded

	mu      sync.Mutex
	events  []string
	down    map[string]error
	refused []error
	gaps    []core.Gap
}

var _ core.Observer = (*RecordingObserver)(nil)

// PeerUp implements [core.Observer].
func (o *RecordingObserver) PeerUp(p core.PeerInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, "up "+p.ID)
}

// PeerDown implements [core.Observer].
func (o *RecordingObserver) PeerDown(p core.PeerInfo, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, "down "+p.ID)
	if o.down == nil {
		o.down = map[string]error{}
	}
	o.down[p.ID] = why
}

// Refused implements [core.Observer].
func (o *RecordingObserver) Refused(remote string, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = append(o.refused, why)
}

// Gap implements [core.Observer].
func (o *RecordingObserver) Gap(g core.Gap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gaps = append(o.gaps, g)
}

// String says which peers came and went, such as "up a, down a".
func (o *RecordingObserver) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.events, ", ")
}

// Down returns why a peer was last reported down; nil if it was not.
func (o *RecordingObserver) Down(id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.down[id]
}

// Refusals returns why connections were refused.
func (o *RecordingObserver) Refusals() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.refused)
}

// RefusedWith counts the refusals for one reason.
func (o *RecordingObserver) RefusedWith(target error) int {
	n := 0
	for _, err := range o.Refusals() {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

// Gaps returns all gaps, in the order in which they were reported.
func (o *RecordingObserver) Gaps() []core.Gap {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.gaps)
}

// Lost returns how many messages to this node are known to be lost.
func (o *RecordingObserver) Lost() (total uint64) {
	for _, g := range o.Gaps() {
		if !g.Outbound {
			total += g.Total()
		}
	}
	return total
}
