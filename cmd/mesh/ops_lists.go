package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// listFlags say which part of a long list is wanted.
type listFlags struct {
	namespace, after, node *string
	limit                  *int
}

func declareList(f *flags, env string) listFlags {
	return listFlags{
		namespace: f.text("namespace", "", "of this namespace only (default: of all)", env+"NAMESPACE"),
		after:     f.text("after", "", "those behind the page before, which said so", env+"AFTER"),
		node:      f.text("node", "", "of the node with this id only (default: of all)", env+"NODE"),
		limit:     f.number("limit", 100, "at most so many, 1 to 1000", env+"LIMIT"),
	}
}

func (l listFlags) query(more ...string) url.Values {
	query := url.Values{"limit": {strconv.Itoa(*l.limit)}}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] != "" {
			query.Set(more[i], more[i+1])
		}
	}
	for name, value := range map[string]string{"namespace": *l.namespace, "after": *l.after, "node": *l.node} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func roomsCommand(f *flags) action {
	o := declareOps(f)
	list := declareList(f, "MESH_ROOMS_")
	pattern := f.argument("pattern", "", "rooms with such a name: * stands for any characters, ? for one", "MESH_ROOMS_PATTERN")
	sort := f.text("sort", "size", "size, the largest first, or name", "MESH_ROOMS_SORT")
	return func(ctx context.Context, out, errOut io.Writer) error {
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		var rooms ops.Rooms
		answer, err := client.get(ctx, "/api/v1/rooms", list.query("pattern", *pattern, "sort", *sort), &rooms)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); shown || err != nil {
			return err
		}
		err = table(out, "MEMBERS NODES NAMESPACE ROOM", func(row func(...any)) {
			for _, r := range rooms.Rooms {
				row(r.Members, r.Nodes, r.Namespace, r.Name)
			}
		})
		if !rooms.Exact {
			fmt.Fprintf(errOut, "rooms that are spread over many nodes may be missing: those with up to %d members\n", rooms.Beyond)
		}
		printMore(errOut, rooms.Next, rooms.Unanswered)
		return err
	}
}

func socketsCommand(f *flags) action {
	o := declareOps(f)
	list := declareList(f, "MESH_SOCKETS_")
	pattern := f.argument("pattern", "", "sockets with such an id: * stands for any characters, ? for one", "MESH_SOCKETS_PATTERN")
	room := f.text("room", "", "those in this room", "MESH_SOCKETS_ROOM")
	return func(ctx context.Context, out, errOut io.Writer) error {
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		var sockets ops.Sockets
		answer, err := client.get(ctx, "/api/v1/sockets", list.query("pattern", *pattern, "room", *room), &sockets)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); shown || err != nil {
			return err
		}
		err = table(out, "SOCKET NAMESPACE NODE TRANSPORT ADDRESS FOR ROOMS", func(row func(...any)) {
			for _, s := range sockets.Sockets {
				rooms := strings.Join(s.Rooms, " ")
				if more := s.RoomCount - len(s.Rooms); more > 0 {
					rooms += fmt.Sprintf(" and %d more", more)
				}
				row(s.ID, s.Namespace, s.Node, s.Transport, s.Address, uptimeText(time.Since(s.Connected).Seconds()), rooms)
			}
		})
		printMore(errOut, sockets.Next, sockets.Unanswered)
		return err
	}
}

// printMore says how to get the rest of a list, and which nodes are not in it.
func printMore(errOut io.Writer, next string, unanswered []ops.Unanswered) {
	if next != "" {
		fmt.Fprintf(errOut, "there are more: --after %s\n", printable(next))
	}
	for _, u := range unanswered {
		fmt.Fprintln(errOut, printable(fmt.Sprintf("without %s (%s): %s", u.ID, u.Address, u.Error)))
	}
}
