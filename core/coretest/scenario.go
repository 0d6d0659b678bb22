package coretest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// Question is a request that all servers have to answer.
type Question struct {
	Name string
	// Ask sends the request through the adapter of server "a", and returns the sorted
	// clients that took part in the answer: the second one of each server that has
	// answered.
	Ask func(ctx context.Context, a core.Adapter) (answers []string, err error)
}

// Questions are requests of all kinds.
var Questions = []Question{
	{"fetchSockets", func(ctx context.Context, a core.Adapter) ([]string, error) {
		sockets, err := a.FetchSockets(ctx, core.Target{Rooms: []string{"odd"}}).Wait()
		var ids []string
		for _, s := range sockets {
			ids = append(ids, s.ID)
		}
		slices.Sort(ids)
		return ids, err
	}},
	{"sockets", func(ctx context.Context, a core.Adapter) ([]string, error) {
		sids, err := a.Sockets(ctx, []string{"odd"}).Wait()
		return slices.Sorted(slices.Values(sids)), err
	}},
	{"acknowledged broadcast", func(ctx context.Context, a core.Adapter) ([]string, error) {
		var answers []string
		_, err := a.BroadcastWithAck(ctx, Event("q"), core.Target{Rooms: []string{"odd"}}, func(p core.Payload) {
			answers = append(answers, unquoted(p))
		}).Wait()
		slices.Sort(answers)
		return answers, err
	}},
	{"server-side event", func(ctx context.Context, a core.Adapter) ([]string, error) {
		values, err := a.ServerSideEmitWithAck(ctx, Event("q")).Wait()
		answers := []string{"a1"} // so that all questions have the same expectation
		for _, v := range values {
			answers = append(answers, unquoted(v)+"1")
		}
		slices.Sort(answers)
		return answers, err
	}},
}

func unquoted(p core.Payload) string { return strings.Trim(string(p.Text), `"`) }

// Operations calls everything that acts on the sockets of a mesh, on three servers "a",
// "b" and "c" in one namespace, fresh from [NewTestServer], and checks the result. settle
// waits until everything has happened on all servers.
func Operations(t testing.TB, a, b, c *TestServer, settle func()) {
	t.Helper()
	o := operations{t, []*TestServer{a, b, c}, settle}
	o.broadcasts(a, b)
	o.joins(a, c)
	o.leaves(a, c)
	o.finds(a)
	o.disconnects(b)
	o.serverSide(a)
}

type operations struct {
	testing.TB
	servers []*TestServer
	settle  func()
}

func (o operations) want(what string, got any, want string) {
	o.Helper()
	if text := fmt.Sprint(got); text != want {
		o.Errorf("%s: %s, want %s", what, text, want)
	}
}

// each checks a property of each client of each server, such as its rooms.
func (o operations) each(what string, get func(*Client) any, want ...string) {
	o.Helper()
	for _, server := range o.servers {
		for _, client := range server.Clients {
			o.want(client.ID()+" "+what, get(client), want[0])
			want = want[1:]
		}
	}
}

func (o operations) broadcasts(a, b *TestServer) {
	o.Helper()
	a.Broadcast(Event("all"), core.Target{})
	a.Broadcast(Event("odd"), core.Target{Rooms: []string{"odd", "nobody's"}})
	a.Broadcast(Event("once"), core.Target{Rooms: []string{"odd", "r"}, Except: []string{b.ID + "1"}})
	a.Broadcast(Event("local"), core.Target{Flags: core.Flags{Local: true}})
	o.settle()
	even, odd := `["all"] ["once"]`, `["all"] ["odd"] ["once"]`
	o.each("received", func(c *Client) any { return strings.Join(c.Received(), " ") },
		even+` ["local"]`, odd+` ["local"]`, even, `["all"] ["odd"]`, even, odd)
}

func rooms(c *Client) any { return c.Rooms() }

func (o operations) joins(a, c *TestServer) {
	o.Helper()
	a.AddSockets(core.Target{Rooms: []string{"odd"}, Except: []string{"c1"}}, []string{"x", "y"})
	a.AddAll("c0", []string{"z"})
	o.settle()
	o.each("after joining", rooms, "[a0 r]", "[a1 odd r x y]", "[b0 r]", "[b1 odd r x y]", "[c0 r z]", "[c1 odd r]")
	found, err := a.SocketRooms(o.Context(), "c0").Wait()
	slices.Sort(found)
	o.want("rooms of c0, asked from afar", fmt.Sprint(found, err), "[c0 r z] <nil>")
	found, err = a.SocketRooms(o.Context(), "nobody").Wait()
	o.want("rooms of nobody", fmt.Sprint(found == nil, err), "true <nil>")
}

func (o operations) leaves(a, c *TestServer) {
	o.Helper()
	c.DelSockets(core.Target{Rooms: []string{"x"}}, []string{"x"})
	c.Del("b1", "y")
	a.DelAll("c0")
	o.settle()
	o.each("after leaving", rooms, "[a0 r]", "[a1 odd r y]", "[b0 r]", "[b1 odd r]", "[]", "[c1 odd r]")
}

func (o operations) finds(a *TestServer) {
	o.Helper()
	sockets, err := a.FetchSockets(o.Context(), core.Target{Rooms: []string{"odd"}}).Wait()
	o.want("sockets found", fmt.Sprint(len(sockets), err), "3 <nil>")
	for _, s := range sockets {
		slices.Sort(s.Rooms)
		o.want(s.ID+"'s handshake", string(s.Handshake.Text), `{"address":"127.0.0.1","auth":{"id":"`+s.ID+`"}}`)
		o.want(s.ID+"'s data", string(s.Data.Text), `{"name":"`+s.ID+`"}`)
		o.want(s.ID+"'s rooms", s.Rooms[:2], "["+s.ID+" odd]")
	}
}

func (o operations) disconnects(b *TestServer) {
	o.Helper()
	b.DisconnectSockets(core.Target{Rooms: []string{"odd"}}, true)
	o.settle()
	o.each("is connected, and closed", func(c *Client) any { return fmt.Sprint(c.Connected(), c.Closed()) },
		"true false", "false true", "true false", "false true", "true false", "false true")
}

func (o operations) serverSide(a *TestServer) {
	o.Helper()
	a.ServerSideEmit(Event("ev", 1))
	o.settle()
	for i, want := range []string{"[]", `[["ev",1]]`, `[["ev",1]]`} {
		o.want(o.servers[i].ID+"'s server-side events", o.servers[i].Host.ServerEvents(), want)
	}
	o.want("servers", a.Servers(), "[a b c]")
}
