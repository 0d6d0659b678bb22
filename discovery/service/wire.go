package service

import (
	"fmt"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// registration is the content of a register message.
type registration struct {
	core.Peer
	token string // "" if none was sent
}

// appendRegister appends a register message. The member order is the
// reference's; an empty token is left out.
func appendRegister(b []byte, r registration) []byte {
	members := 3
	if r.token != "" {
		members = 4
	}
	b = msgpack.AppendMapHeader(b, members)
	b = appendMember(b, "type", "register")
	b = appendMember(b, "serverId", r.ID)
	b = appendMember(b, "address", r.Address)
	if r.token != "" {
		b = appendMember(b, "token", r.token)
	}
	return b
}

// decodeRegister reads a register message. The error wraps
// [core.ErrUnsupported] for a message of another type, else
// [core.ErrMalformed]. Members that are no valid strings count as "", and
// so may be the id and the address: what is allowed is the service's to say,
// after it has looked at the token.
func decodeRegister(data []byte) (registration, error) {
	var r registration
	var kind string
	err := decodeMap(data, func(in *msgpack.Reader, key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = text(in)
		case "serverId":
			r.ID, err = text(in)
		case "address":
			r.Address, err = text(in)
		case "token":
			r.token, err = text(in)
		default:
			err = in.Skip()
		}
		return err
	})
	if err != nil {
		return registration{}, fmt.Errorf("register: %w", err)
	}
	if kind != "register" {
		return registration{}, unexpected(kind)
	}
	return r, nil
}

// appendUpdate appends an update message.
func appendUpdate(b []byte, roster []core.Peer) []byte {
	b = msgpack.AppendMapHeader(b, 2)
	b = appendMember(b, "type", "update")
	b = msgpack.AppendString(b, "servers")
	b = msgpack.AppendArrayHeader(b, len(roster))
	for _, peer := range roster {
		b = msgpack.AppendMapHeader(b, 2)
		b = appendMember(b, "serverId", peer.ID)
		b = appendMember(b, "address", peer.Address)
	}
	return b
}

// decodeUpdate reads an update message of at most limit entries. Entries
// without an id or an address are left out and counted. Of two entries with
// one id the last one counts, in the place of the first. Errors are those of
// decodeRegister.
func decodeUpdate(data []byte, limit int) (roster []core.Peer, skipped int, err error) {
	var kind string
	var listed bool
	err = decodeMap(data, func(in *msgpack.Reader, key []byte) (err error) {
		switch {
		case string(key) == "type":
			kind, err = text(in)
		case string(key) == "servers" && in.Next() == msgpack.Array:
			listed = true
			roster, skipped, err = decodeRoster(in, limit)
		default:
			err = in.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("update: %w", err)
	case kind != "update":
		return nil, 0, unexpected(kind)
	case !listed:
		return nil, 0, fmt.Errorf("update: %w: no list of servers", core.ErrMalformed)
	}
	return roster, skipped, nil
}

func decodeRoster(in *msgpack.Reader, limit int) (roster []core.Peer, skipped int, err error) {
	n, err := in.Array()
	if err != nil {
		return nil, 0, err
	}
	if n > limit {
		return nil, 0, fmt.Errorf("%d servers are above the limit of %d", n, limit)
	}
	roster = make([]core.Peer, 0, n)
	places := make(map[string]int, n)
	for range n {
		entry := *in // read on its own, so that a bad entry spoils nothing behind it
		if err := in.Skip(); err != nil {
			return nil, 0, err
		}
		peer, err := decodePeer(&entry)
		if err != nil || peer.ID == "" || peer.Address == "" {
			skipped++
			continue
		}
		if place, again := places[peer.ID]; again {
			roster[place] = peer
			continue
		}
		places[peer.ID] = len(roster)
		roster = append(roster, peer)
	}
	return roster, skipped, nil
}

func decodePeer(in *msgpack.Reader) (core.Peer, error) {
	var peer core.Peer
	err := members(in, func(key []byte) (err error) {
		switch string(key) {
		case "serverId":
			peer.ID, err = text(in)
		case "address":
			peer.Address, err = text(in)
		default:
			err = in.Skip()
		}
		return err
	})
	return peer, err
}

// decodeMap reads a message: one map with string keys, and nothing behind it.
// Errors wrap [core.ErrMalformed].
func decodeMap(data []byte, member func(in *msgpack.Reader, key []byte) error) error {
	in := msgpack.NewReader(data)
	if err := members(in, func(key []byte) error { return member(in, key) }); err != nil {
		return fmt.Errorf("%w: %w", core.ErrMalformed, err)
	}
	if in.Len() > 0 {
		return fmt.Errorf("%w: %d bytes too many", core.ErrMalformed, in.Len())
	}
	return nil
}

// members reads a map with string keys; member must read or skip the value. Its
// errors do not quote keys, which may be as long as the message.
func members(in *msgpack.Reader, member func(key []byte) error) error {
	n, err := in.Map()
	if err != nil {
		return err
	}
	for range n {
		key, err := in.String()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
	}
	return nil
}

func appendMember(b []byte, key, value string) []byte {
	return msgpack.AppendString(msgpack.AppendString(b, key), value)
}

// text reads a string; "" for any other value, and for one that is not UTF-8.
func text(in *msgpack.Reader) (string, error) {
	if in.Next() != msgpack.String {
		return "", in.Skip()
	}
	b, err := in.String()
	if !utf8.Valid(b) {
		return "", err
	}
	return string(b), err
}

func unexpected(kind string) error {
	return fmt.Errorf("%w: message of type %.20q", core.ErrUnsupported, kind)
}
