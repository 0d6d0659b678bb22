package coretest

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// Journal is an observer that remembers. All methods may be called at once; a new
// one is ready.
type Journal struct {
	core.NopObserver // what else there is to observe is not remembered

	mu      sync.Mutex
	events  []string
	down    map[string]error
	refused []error
	lost    uint64
}

var _ core.Observer = (*Journal)(nil)

// PeerUp implements [core.Observer].
func (j *Journal) PeerUp(p core.PeerInfo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, "up "+p.ID)
}

// PeerDown implements [core.Observer].
func (j *Journal) PeerDown(p core.PeerInfo, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, "down "+p.ID)
	if j.down == nil {
		j.down = map[string]error{}
	}
	j.down[p.ID] = why
}

// Refused implements [core.Observer].
func (j *Journal) Refused(remote string, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused = append(j.refused, why)
}

// Gap implements [core.Observer].
func (j *Journal) Gap(peer string, lost uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost += lost
}

// String is which peers came and went, as "up a, down a".
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.events, ", ")
}

// Down is why a peer went when it last did; nil if it has not.
func (j *Journal) Down(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.down[id]
}

// Refusals are why connections were refused.
func (j *Journal) Refusals() []error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.refused)
}

// RefusedWith counts the refusals for one reason.
func (j *Journal) RefusedWith(target error) int {
	n := 0
	for _, err := range j.Refusals() {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

// Lost is how many messages are known to be lost.
func (j *Journal) Lost() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lost
}
