package ops

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Cluster is the state of all reachable nodes, as they see each other.
type Cluster struct {
	AnsweredBy string    `json:"answered_by"` // id of the node that asked the others
	Time       time.Time `json:"time"`
	Took       float64   `json:"took_ms"`
	// Whole reports whether each node knows the others and has links to all of them, and
	// all have answered.
	Whole      bool         `json:"whole"`
	Problems   []Problem    `json:"problems"` // why the mesh is not whole
	Nodes      []Node       `json:"nodes"`    // by id
	References []Reference  `json:"references"`
	Unanswered []Unanswered `json:"unanswered"`
	Cut        []string     `json:"cut,omitempty"` // lists that were shortened because the answer was too long
}

// Problem is one reason why a mesh is not whole.
type Problem struct {
	Kind string `json:"kind"` // "missing-link", "unlinked", "unanswered" or "no-roster"
	Node string `json:"node"` // id of the node that sees it
	Peer string `json:"peer"` // id of the other node, or its address if the id is unknown; "" if the problem has none
	Text string `json:"text"`
}

// Reference is a node of the reference implementation, which cannot be asked.
type Reference struct {
	ID      string   `json:"id"`
	Address string   `json:"address"`
	SeenBy  []string `json:"seen_by"` // ids of the nodes that have a link to it
}

// The kinds of problems.
const (
	problemMissingLink = "missing-link" // two nodes that have answered, without a link
	problemUnlinked    = "unlinked"     // a server that discovery lists, and that no node has a link to
	problemUnanswered  = "unanswered"
	problemNoRoster    = "no-roster" // a node without links, to which discovery has not reported any server yet
)

// maxProblems limits the problems of one answer.
const maxProblems = 1000

// clusterView gathers once for all requests that come at about the same time.
type clusterView struct {
	mu   sync.Mutex // held while the view is gathered
	last *Cluster
}

// clusterFresh is the age up to which an answer to another request is used again.
const clusterFresh = 500 * time.Millisecond

// serveCluster serves all nodes. Requests at the same time get the same answer.
func (h *Handler) serveCluster(r *http.Request) (any, error) {
	if _, err := paramsOf(r); err != nil {
		return nil, err
	}
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	if last := h.view.last; last != nil && time.Since(last.Time) < clusterFresh {
		return last, nil
	}
	c, err := h.cluster(h.ctx)
	if err != nil {
		return nil, err
	}
	h.view.last = c
	return c, nil
}

// cluster asks all nodes.
func (h *Handler) cluster(ctx context.Context) (*Cluster, error) {
	began := time.Now()
	answers, unanswered, err := gather(ctx, h, question{Op: opNode}, h.node())
	if err != nil {
		return nil, err
	}
	c := &Cluster{AnsweredBy: h.source.ID(), Problems: []Problem{}, References: []Reference{}, Unanswered: []Unanswered{}}
	c.Unanswered = append(c.Unanswered, unanswered...)
	for _, a := range answers {
		if a.value == nil || a.value.ID != a.node {
			c.Unanswered = append(c.Unanswered, Unanswered{ID: a.node, Error: "it answered for another node"})
			continue
		}
		c.Nodes = append(c.Nodes, *a.value)
	}
	slices.SortFunc(c.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	c.judge()
	c.Whole = len(c.Problems) == 0
	c.Time, c.Took = time.Now(), milliseconds(time.Since(began))
	return c, nil
}

// judge finds the problems. Its time is proportional to the number of links.
func (c *Cluster) judge() {
	answered := make(map[string]*Node, len(c.Nodes))
	for i := range c.Nodes {
		answered[c.Nodes[i].ID] = &c.Nodes[i]
	}
	silent := make(map[string]bool, len(c.Unanswered))
	for _, u := range c.Unanswered {
		silent[u.ID] = true
		c.problem(problemUnanswered, c.AnsweredBy, cmp.Or(u.ID, u.Address), "has not answered: "+u.Error)
	}
	references := map[string]*Reference{}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		for _, p := range n.Peers {
			switch {
			case p.Reference:
				r := references[p.ID]
				if r == nil {
					r = &Reference{ID: p.ID, Address: p.Address}
					references[p.ID] = r
				}
				r.SeenBy = append(r.SeenBy, n.ID)
			case answered[p.ID] == nil && !silent[p.ID]:
				silent[p.ID] = true
				u := Unanswered{p.ID, p.Address, fmt.Sprintf("there is no link to it from %s", c.AnsweredBy)}
				c.Unanswered = append(c.Unanswered, u)
				c.problem(problemUnanswered, c.AnsweredBy, u.ID, "has not answered: "+u.Error)
			}
		}
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		linked := make(map[string]bool, len(n.Peers))
		for _, p := range n.Peers {
			linked[p.ID] = true
		}
		told := make(map[string]bool, len(n.Missing))
		for _, check := range n.Checks {
			if check.Name == checkDiscovery && !check.OK {
				c.problem(problemNoRoster, n.ID, "", check.Detail)
			}
		}
		for _, m := range n.Missing {
			told[m.ID] = true
			kind := problemUnlinked
			if answered[m.ID] != nil || silent[m.ID] {
				kind = problemMissingLink
			}
			c.problem(kind, n.ID, cmp.Or(m.ID, m.Address), missingText(m))
		}
		if slices.Contains(n.Cut, "peers") {
			continue // its list was shortened, so what is not in it is not missing
		}
		for id := range answered {
			if id != n.ID && !linked[id] && !told[id] {
				c.problem(problemMissingLink, n.ID, id, "no link, and its discovery does not list that one")
			}
		}
	}
	for _, r := range references {
		c.References = append(c.References, *r)
	}
	slices.SortFunc(c.References, func(a, b Reference) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Peer, b.Peer))
	})
}

func missingText(m Missing) string {
	text := fmt.Sprintf("no link to %s since %s", m.Address, m.Since.UTC().Format(time.RFC3339))
	switch {
	case m.Error != "":
		return text + ": " + m.Error
	case !m.Dialled:
		return text + "; that one dials"
	}
	return text
}

// problem adds one, unless there are too many.
func (c *Cluster) problem(kind, node, peer, text string) {
	if len(c.Problems) < maxProblems {
		c.Problems = append(c.Problems, Problem{kind, node, peer, text})
	} else if !slices.Contains(c.Cut, "problems") {
		c.Cut = append(c.Cut, "problems")
	}
}
