package ops

import (
	"fmt"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/core"
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

// health serves /healthz and /readyz. Both are open to all by default, so that probes
// need no secret: they have no addresses.
func (b *base) health(checks func() []Check, id string) {
	serve := func(pattern string, h http.HandlerFunc) {
		if b.o.ProtectHealth {
			b.mux.Handle(pattern, b.protect(h))
			return
		}
		b.mux.Handle(pattern, h)
	}
	serve("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, Health{Status: "ok", ID: id})
	})
	serve("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		health := Health{Status: "ok", ID: id, Checks: checks()}
		health.Failing = failing(health.Checks)
		status := http.StatusOK
		if len(health.Failing) > 0 {
			status, health.Status = http.StatusServiceUnavailable, "unavailable"
		}
		reply(w, status, health)
	})
}

// failing are the names of the checks that fail.
func failing(checks []Check) (names []string) {
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

// checks are what a node has to be to take clients.
func (h *Handler) checks(s core.NodeState) []Check {
	roster := h.source.Roster()
	return []Check{listening(s), discovered(s, len(h.source.Stats().Peers)), linked(roster, h.o.ReadyLinks), notDraining(h.source)}
}

func listening(s core.NodeState) Check {
	if !s.Listening {
		return Check{"listening", false, "peers are not accepted: the node has not started, or has stopped"}
	}
	return Check{"listening", true, "peers are accepted"}
}

// checkDiscovery is the name of the check that a node knows of the others.
const checkDiscovery = "discovery"

func discovered(s core.NodeState, peers int) Check {
	const name = checkDiscovery
	switch {
	case s.Discovery == "":
		return Check{name, true, "none is configured"}
	case !s.Discovered.IsZero():
		return Check{name, true, fmt.Sprintf("%s last told of servers %s ago", s.Discovery, time.Since(s.Discovered).Round(time.Second))}
	case peers > 0:
		return Check{name, true, "peers are linked without it"}
	}
	return Check{name, false, s.Discovery + " has not told of any servers yet"}
}

func linked(r core.RosterStatus, percent int) Check {
	linked := r.Others - len(r.Unlinked)
	c := Check{Name: "peers", Detail: fmt.Sprintf("%d of %d other servers are linked", linked, r.Others)}
	c.OK = percent == NoReadyLinks || linked*100 >= percent*r.Others
	if !c.OK {
		c.Detail += fmt.Sprintf("; %d %% are wanted", percent)
	}
	return c
}

func notDraining(s Source) Check {
	if draining(s) {
		return Check{"draining", false, "clients are sent to other servers"}
	}
	return Check{"draining", true, "it is not"}
}

func draining(s Source) bool {
	d, ok := s.(Drainer)
	return ok && d.Draining()
}
