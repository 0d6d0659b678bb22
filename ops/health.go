package ops

import (
	"fmt"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The names of the checks.
const (
	checkListening = "listening"
	checkDiscovery = "discovery" // a node has heard from discovery, or has links
	checkPeers     = "peers"
	checkDraining  = "draining"
)

// Check is one condition of being ready.
type Check struct {
	Name   string `json:"name"` // "listening", "discovery", "peers" or "draining"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status  string   `json:"status"` // "ok", or "unavailable"
	ID      string   `json:"id,omitempty"`
	Failing []string `json:"failing,omitempty"` // names of the checks that fail
	Checks  []Check  `json:"checks,omitempty"`
}

// health serves /healthz and /readyz. Both are open to all by default, so that probes need
// no secret: they contain no addresses.
func (b *base) health(checks func() []Check, id string) {
	b.open("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, Health{Status: "ok", ID: id})
	})
	b.open("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		health := Health{Status: "ok", ID: id, Checks: checks()}
		health.Failing = failing(health.Checks)
		status := http.StatusOK
		if len(health.Failing) > 0 {
			status, health.Status = http.StatusServiceUnavailable, "unavailable"
		}
		reply(w, status, health)
	})
}

// failing returns the names of the checks that fail.
func failing(checks []Check) (names []string) {
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

// Ready returns what /readyz says, apart from draining: nil, or a [*core.NotReadyError]
// that names each check that fails. It does not block.
func (h *Handler) Ready() error {
	bad := &core.NotReadyError{}
	for _, c := range h.checksNow() {
		if !c.OK && c.Name != checkDraining {
			bad.Failed = append(bad.Failed, core.FailedCheck{Name: c.Name, Detail: c.Detail})
		}
	}
	if bad.Failed == nil {
		return nil
	}
	return bad
}

func (h *Handler) checksNow() []Check {
	return h.checks(h.source.State(), h.source.Roster(), len(h.source.Stats().Peers))
}

// checks returns the conditions of being ready, by snapshots of the node.
func (h *Handler) checks(s core.NodeState, r core.RosterStatus, peers int) []Check {
	return []Check{listening(s), discovered(s, peers, r.Endpoints), linked(r, h.o.ReadyLinks), notDraining(h.source)}
}

func listening(s core.NodeState) Check {
	if !s.Listening {
		return Check{checkListening, false, "peers are not accepted: the node has not started, or has stopped"}
	}
	return Check{checkListening, true, "peers are accepted"}
}

func discovered(s core.NodeState, peers int, endpoints []core.DiscoveryEndpoint) Check {
	const name = checkDiscovery
	silent := silentEndpoints(endpoints)
	switch {
	case s.Discovery == "":
		return Check{name, true, "none is configured"}
	case !s.Discovered.IsZero():
		return Check{name, true, fmt.Sprintf("%s last told of servers %s ago", s.Discovery, time.Since(s.Discovered).Round(time.Second)) + silent}
	case peers > 0:
		return Check{name, true, "peers are linked without it" + silent}
	}
	return Check{name, false, s.Discovery + " has not told of any servers yet" + silent}
}

// silentEndpoints says how many of several endpoints do not answer. It names none, because
// the health of a node is public.
func silentEndpoints(endpoints []core.DiscoveryEndpoint) string {
	silent := 0
	for _, e := range endpoints {
		if !e.Heard {
			silent++
		}
	}
	if silent == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d that it asks do not answer", silent, len(endpoints))
}

func linked(r core.RosterStatus, percent int) Check {
	linked := r.Others - len(r.Unlinked)
	c := Check{Name: checkPeers, Detail: fmt.Sprintf("%d of %d other servers are linked", linked, r.Others)}
	c.OK = percent == NoReadyLinks || linked*100 >= percent*r.Others
	if !c.OK {
		c.Detail += fmt.Sprintf("; %d %% are wanted", percent)
	}
	return c
}

func notDraining(s Source) Check {
	if draining(s) {
		return Check{checkDraining, false, "clients are sent to other servers"}
	}
	return Check{checkDraining, true, "it is not"}
}

func draining(s Source) bool {
	d, ok := s.(Drainer)
	return ok && d.Draining()
}
