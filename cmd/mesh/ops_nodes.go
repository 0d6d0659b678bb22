package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/socketmesh/mesh/ops"
)

// fewNodes is the number of nodes up to which links are listed without a flag.
const fewNodes = 12

func nodesCommand(f *flags) action {
	o := declareOps(f)
	links := f.boolean("links", fmt.Sprintf("list all links (default: up to %d nodes)", fewNodes), "MESH_NODES_LINKS")
	return func(ctx context.Context, out, _ io.Writer) error {
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		var c ops.Cluster
		answer, err := client.get(ctx, "/api/v1/cluster", nil, &c)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); err != nil {
			return err
		} else if !shown {
			if err := printNodes(out, &c, *links || len(c.Nodes) <= fewNodes); err != nil {
				return err
			}
		}
		if !c.Whole {
			return fmt.Errorf("the mesh is not whole: %s", plural(len(c.Problems), "problem"))
		}
		return nil
	}
}

func printNodes(out io.Writer, c *ops.Cluster, links bool) error {
	err := table(out, "NODE ADDRESS HOST VERSION UP READY PEERS MISSING QUEUE SOCKETS ROOMS", func(row func(...any)) {
		for _, n := range c.Nodes {
			queued := 0
			for _, p := range n.Peers {
				queued += p.QueuedBytes
			}
			row(n.ID, n.Address, n.Host, n.Version, uptimeText(n.Uptime), readyText(&n), len(n.Peers), len(n.Missing), bytesText(float64(queued)), n.Sockets, n.Rooms)
		}
		for _, r := range c.References {
			row(r.ID, r.Address, "-", "reference", "-", "-", "-", "-", "-", "-", "-")
		}
	})
	if err != nil {
		return err
	}
	if links {
		if err := printLinks(out, c); err != nil {
			return err
		}
	}
	if !c.Whole {
		fmt.Fprintln(out, "\nwhat is wrong:")
		return printProblems(out, c, "  ")
	}
	count := 0
	for _, n := range c.Nodes {
		count += len(n.Peers)
	}
	_, err = fmt.Fprintf(out, "\nthe mesh is whole: %s, each with a link to all others (asked %s, in %.0f ms)\n", plural(len(c.Nodes)+len(c.References), "node"), printable(c.AnsweredBy), c.Took)
	return err
}

// readyText says whether a node takes clients, or which checks fail.
func readyText(n *ops.Node) string {
	var failing []string
	for _, c := range n.Checks {
		if !c.OK {
			failing = append(failing, c.Name)
		}
	}
	if len(failing) == 0 {
		return yesNo(n.Ready)
	}
	return "no:" + strings.Join(failing, ",")
}

// printLinks lists each link from both ends.
func printLinks(out io.Writer, c *ops.Cluster) error {
	fmt.Fprintln(out)
	return table(out, "FROM TO CODEC PROTOCOL RTT QUEUE WAITING RECONNECTS SENT RECEIVED", func(row func(...any)) {
		for _, n := range c.Nodes {
			for _, p := range n.Peers {
				protocol := fmt.Sprint("v", p.Version)
				if p.Reference {
					protocol = "reference"
				}
				row(n.ID, p.ID, p.Codec, protocol, millisText(p.RoundTrip), bytesText(float64(p.QueuedBytes)), p.QueuedMessages, p.Reconnects, p.Sent.Messages, p.Received.Messages)
			}
			for _, m := range n.Missing {
				to := m.ID
				if to == "" {
					to = m.Address
				}
				row(n.ID, to, "MISSING", m.Error)
			}
		}
	})
}

// printProblems prints a line for each problem.
func printProblems(out io.Writer, c *ops.Cluster, indent string) (err error) {
	for _, p := range c.Problems {
		_, err = fmt.Fprintln(out, indent+printable(describeProblem(p)))
	}
	return err
}

// describeProblem describes a problem in one line.
func describeProblem(p ops.Problem) string {
	who := p.Node
	if p.Peer != "" {
		who += " -> " + p.Peer
	}
	return p.Kind + "  " + who + "  " + p.Text
}
