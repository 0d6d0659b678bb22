package service

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// captured is a message of the reference's, and what it says.
type captured struct {
	Name    string
	Hex     string
	Content struct {
		Type, ServerID, Address, Token string
		Servers                        []struct{ ServerID, Address string }
	}
}

func (c captured) bytes(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c captured) registration() registration {
	return registration{Peer: core.Peer{ID: c.Content.ServerID, Address: c.Content.Address}, token: c.Content.Token}
}

func (c captured) roster() []core.Peer {
	var roster []core.Peer
	for _, s := range c.Content.Servers {
		roster = append(roster, core.Peer{ID: s.ServerID, Address: s.Address})
	}
	return roster
}

func vectors(t testing.TB) []captured {
	t.Helper()
	data, err := os.ReadFile("testdata/v2-discovery.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []captured }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 5 {
		t.Fatalf("%d vectors: want 5", len(file.Vectors))
	}
	return file.Vectors
}

func TestGoldenVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			want := v.bytes(t)
			switch v.Content.Type {
			case "register":
				if have := appendRegister(nil, v.registration()); !bytes.Equal(have, want) {
					t.Errorf("encoded\n%x: want\n%x", have, want)
				}
				have, err := decodeRegister(want)
				if err != nil || have != v.registration() {
					t.Errorf("decoded %v, %v: want %v", have, err, v.registration())
				}
			case "update":
				if have := appendUpdate(nil, v.roster()); !bytes.Equal(have, want) {
					t.Errorf("encoded\n%x: want\n%x", have, want)
				}
				have, skipped, err := decodeUpdate(want, 10)
				if err != nil || skipped != 0 || !slices.Equal(have, v.roster()) {
					t.Errorf("decoded %v, %d skipped, %v: want %v", have, skipped, err, v.roster())
				}
			default:
				t.Fatalf("vector of type %q", v.Content.Type)
			}
		})
	}
}

// TestReasons compares our close reasons with those captured.
func TestReasons(t *testing.T) {
	data, err := os.ReadFile("testdata/v2-closes.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Situation   string
			CloseCode   int
			CloseReason string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, v := range file.Vectors {
		if !strings.HasPrefix(v.Situation, "discovery") {
			continue
		}
		seen++
		have := core.CloseReason{Code: v.CloseCode, Text: v.CloseReason}
		if have != closeUnauthorized && have != closeShutdown {
			t.Errorf("%s: the reference closes with %v, we do not", v.Situation, have)
		}
	}
	if seen != 3 {
		t.Errorf("%d situations of the discovery service: want 3", seen)
	}
}

// build makes messages that our encoder does not make.
func build(parts ...any) []byte {
	var b []byte
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			b = msgpack.AppendString(b, v)
		case int:
			b = msgpack.AppendInt(b, int64(v))
		case nil:
			b = msgpack.AppendNil(b)
		case mapOf:
			b = msgpack.AppendMapHeader(b, int(v))
		case listOf:
			b = msgpack.AppendArrayHeader(b, int(v))
		case []byte:
			b = msgpack.AppendBytes(b, v)
		default:
			panic(fmt.Sprintf("cannot build %T", part))
		}
	}
	return b
}

type (
	mapOf  int // pairs that follow
	listOf int // elements that follow
)

func TestDecodeUpdate(t *testing.T) {
	a, b := core.Peer{ID: "a", Address: "ws://a:1"}, core.Peer{ID: "b", Address: "ws://b:1"}
	entry := func(p core.Peer) []any { return []any{mapOf(2), "serverId", p.ID, "address", p.Address} }
	servers := func(n int, entries ...[]any) []byte {
		return build(append([]any{mapOf(2), "type", "update", "servers", listOf(n)}, slices.Concat(entries...)...)...)
	}
	for name, c := range map[string]struct {
		message []byte
		roster  []core.Peer
		skipped int
		err     error
	}{
		"empty roster":             {servers(0), nil, 0, nil},
		"members the other way":    {build(append([]any{mapOf(2), "servers", listOf(1)}, append(entry(a), "type", "update")...)...), []core.Peer{a}, 0, nil},
		"unknown members":          {build(mapOf(3), "type", "update", "more", listOf(1), mapOf(1), 1, 2, "servers", listOf(0)), nil, 0, nil},
		"unknown member of entry":  {servers(1, []any{mapOf(3), "zone", 7}, entry(a)[1:]), []core.Peer{a}, 0, nil},
		"last of duplicates":       {servers(3, entry(a), entry(b), entry(core.Peer{ID: "a", Address: "ws://new:1"})), []core.Peer{{ID: "a", Address: "ws://new:1"}, b}, 0, nil},
		"nil entry":                {servers(3, entry(a), []any{nil}, entry(b)), []core.Peer{a, b}, 1, nil},
		"entry without id":         {servers(2, []any{mapOf(1), "address", "ws://x:1"}, entry(b)), []core.Peer{b}, 1, nil},
		"entry with empty address": {servers(2, entry(core.Peer{ID: "x"}), entry(b)), []core.Peer{b}, 1, nil},
		"entry with number as id":  {servers(2, []any{mapOf(2), "serverId", 7, "address", "ws://x:1"}, entry(b)), []core.Peer{b}, 1, nil},
		"entry with number as key": {servers(2, []any{mapOf(1), 7, "ws://x:1"}, entry(b)), []core.Peer{b}, 1, nil},
		"entry not UTF-8":          {servers(2, entry(core.Peer{ID: "\xff", Address: "ws://x:1"}), entry(b)), []core.Peer{b}, 1, nil},
		"entries all wrong":        {servers(3, []any{"x"}, []any{listOf(0)}, []any{[]byte("y")}), nil, 3, nil},

		"nothing":                {nil, nil, 0, core.ErrMalformed},
		"nil":                    {build(nil), nil, 0, core.ErrMalformed},
		"a string":               {build("update"), nil, 0, core.ErrMalformed},
		"a list":                 {build(listOf(1), "update"), nil, 0, core.ErrMalformed},
		"no servers":             {build(mapOf(1), "type", "update"), nil, 0, core.ErrMalformed},
		"servers is nil":         {build(mapOf(2), "type", "update", "servers", nil), nil, 0, core.ErrMalformed},
		"servers is a map":       {build(mapOf(2), "type", "update", "servers", mapOf(0)), nil, 0, core.ErrMalformed},
		"more than the limit":    {servers(4, entry(a), entry(a), entry(a), entry(a)), nil, 0, core.ErrMalformed},
		"shorter than it says":   {servers(3, entry(a), entry(b)), nil, 0, core.ErrMalformed},
		"a billion entries":      {append(servers(0)[:len(servers(0))-1], 0xdd, 0x3b, 0x9a, 0xca, 0x00), nil, 0, core.ErrMalformed},
		"something behind it":    {append(servers(0), 0xc0), nil, 0, core.ErrMalformed},
		"number as key":          {build(mapOf(1), 1, 2), nil, 0, core.ErrMalformed},
		"register":               {build(mapOf(1), "type", "register"), nil, 0, core.ErrUnsupported},
		"type of the future":     {build(mapOf(2), "type", "drain", "after", 5), nil, 0, core.ErrUnsupported},
		"type is no string":      {build(mapOf(2), "type", 7, "servers", listOf(0)), nil, 0, core.ErrUnsupported},
		"a byte never used":      {[]byte{0xc1}, nil, 0, core.ErrMalformed},
		"HTTP":                   {[]byte("HTTP/1.1 200 OK\r\n\r\n"), nil, 0, core.ErrMalformed},
		"text of a kind of JSON": {[]byte(`{"type":"update","servers":[]}`), nil, 0, core.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			roster, skipped, err := decodeUpdate(c.message, 3)
			if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
				t.Fatalf("error is %v: want %v", err, c.err)
			}
			if !slices.Equal(roster, c.roster) || skipped != c.skipped {
				t.Errorf("roster is %v, %d skipped: want %v, %d", roster, skipped, c.roster, c.skipped)
			}
		})
	}
}

func TestDecodeRegister(t *testing.T) {
	x := core.Peer{ID: "x", Address: "ws://x:1"}
	for name, c := range map[string]struct {
		message []byte
		want    registration
		err     error
	}{
		"members in another order": {build(mapOf(3), "address", "ws://x:1", "serverId", "x", "type", "register"), registration{Peer: x}, nil},
		"unknown member":           {build(mapOf(4), "type", "register", "serverId", "x", "zone", mapOf(1), "a", listOf(0), "address", "ws://x:1"), registration{Peer: x}, nil},
		"token is nil":             {build(mapOf(4), "type", "register", "serverId", "x", "address", "ws://x:1", "token", nil), registration{Peer: x}, nil},
		"id is missing":            {build(mapOf(2), "type", "register", "token", "t"), registration{token: "t"}, nil},
		"id is a list":             {build(mapOf(2), "type", "register", "serverId", listOf(2), 1, 2), registration{}, nil},
		"id is not UTF-8":          {build(mapOf(2), "type", "register", "serverId", "\xc3\x28"), registration{}, nil},
		"nil":                      {build(nil), registration{}, core.ErrMalformed},
		"cut off":                  {build(mapOf(3), "type", "register", "serverId"), registration{}, core.ErrMalformed},
		"another type":             {build(mapOf(1), "type", "unregister"), registration{}, core.ErrUnsupported},
		"no type":                  {build(mapOf(0)), registration{}, core.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := decodeRegister(c.message)
			if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
				t.Fatalf("error is %v: want %v", err, c.err)
			}
			if have != c.want {
				t.Errorf("decoded %v: want %v", have, c.want)
			}
		})
	}
}

// TestErrorsAreShort: the error about a long message is short, so that peers cannot
// fill the log.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for _, message := range [][]byte{
		build(mapOf(2), long, 1, long),
		build(mapOf(1), "type", long),
		build(mapOf(3), "type", "update", long, []byte(long), "servers", nil),
	} {
		_, _, err := decodeUpdate(message, 10)
		_, err2 := decodeRegister(message)
		for _, err := range []error{err, err2} {
			if err == nil || len(err.Error()) > 200 {
				t.Errorf("error is %.300v", err)
			}
		}
	}
}
