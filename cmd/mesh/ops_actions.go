package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/ops"
)

func emitCommand(f *flags) action {
	o := declareOps(f)
	namespace := f.text("namespace", "/", "namespace of the clients", "MESH_EMIT_NAMESPACE")
	rooms := f.text("rooms", "", "rooms whose sockets get it, separated by commas (default: all sockets)", "MESH_EMIT_ROOMS")
	except := f.text("except", "", "rooms whose sockets do not, separated by commas", "MESH_EMIT_EXCEPT")
	words := f.words("event", "event [arguments, each of them JSON or else text]")
	return func(ctx context.Context, out, _ io.Writer) error {
		if len(*words) == 0 {
			return errors.New("which event? as: mesh emit news '{\"text\":\"hello\"}'")
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		request := ops.EmitRequest{Namespace: *namespace, Event: (*words)[0], Args: []json.RawMessage{}, Rooms: commas.Split(*rooms), Except: commas.Split(*except)}
		for _, word := range (*words)[1:] {
			request.Args = append(request.Args, argument(word))
		}
		var emitted ops.Emitted
		answer, err := client.post(ctx, "/api/v1/emit", request, &emitted)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); shown || err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "sent to %s\n", plural(emitted.Servers, "server"))
		return err
	}
}

// argument turns a word of the command line into an argument of an event: JSON if it is
// valid, else a text.
func argument(word string) json.RawMessage {
	if json.Valid([]byte(word)) {
		return json.RawMessage(word)
	}
	text, _ := json.Marshal(word)
	return text
}

func drainCommand(f *flags) action {
	o := declareOps(f)
	name := f.argument("node", "", "id of the node, or the beginning of it, or its address", "MESH_DRAIN_NODE")
	rate := f.number("rate", 0, "clients per second that are sent elsewhere; 0: as the node is configured", "MESH_DRAIN_PER_SECOND")
	wait := f.boolean("wait", "return when the node has no clients any more", "MESH_DRAIN_WAIT")
	return func(ctx context.Context, out, _ io.Writer) error {
		if *name == "" {
			return errors.New("which node? mesh nodes lists them")
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		var c ops.Cluster
		if _, err := client.get(ctx, "/api/v1/cluster", nil, &c); err != nil {
			return err
		}
		node, err := nodeNamed(&c, *name)
		if err != nil {
			return err
		}
		var drained ops.Drained
		answer, err := client.post(ctx, "/api/v1/drain", ops.DrainRequest{Node: node, Rate: *rate}, &drained)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); err != nil {
			return err
		} else if !shown {
			fmt.Fprintf(out, "%s sends its clients elsewhere\n", printable(node))
		}
		if *wait {
			return awaitDrained(ctx, client, node)
		}
		return nil
	}
}

// nodeNamed finds the only node that a name may mean.
func nodeNamed(c *ops.Cluster, name string) (string, error) {
	var found []string
	for _, n := range c.Nodes {
		if n.ID == name {
			return name, nil
		}
		if strings.HasPrefix(n.ID, name) || n.Address == name || strings.HasSuffix(n.Address, "://"+name) {
			found = append(found, n.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no node %q, or it does not answer; mesh nodes lists them", name)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q may be any of %s", name, strings.Join(found, ", "))
}

// awaitDrained waits until a node has no sockets.
func awaitDrained(ctx context.Context, client *opsClient, node string) error {
	for {
		var n ops.Node
		if _, err := client.get(ctx, "/api/v1/node", url.Values{"node": {node}}, &n); err != nil {
			return fmt.Errorf("waiting for %s: %w", node, err)
		}
		if n.Sockets == 0 {
			return nil
		}
		if !backoff.Sleep(ctx, 500*time.Millisecond) {
			return fmt.Errorf("waiting for %s, which has %s: %w", node, plural(n.Sockets, "socket"), context.Cause(ctx))
		}
	}
}
