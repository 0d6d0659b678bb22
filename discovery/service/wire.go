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
	token    string // "" if none was sent
	features features
	proof    string // of the token, instead of it; "" if none was sent
	binding  string // identifies the connection's TLS session, beside a proof; "" for none
}

// features are optional parts of this protocol for which a node asks. The reference
// ignores the field, and reference nodes do not send it.
type features struct {
	deltas  bool // the whole roster once, and then changes
	notices bool // problems with its registration
}

// Names of features on the wire.
const (
	featureDeltas  = "delta"
	featureNotices = "notice"
)

// maxFeatures limits how many features of a registration are read.
const maxFeatures = 32

func (f features) names() (names []string) {
	if f.deltas {
		names = append(names, featureDeltas)
	}
	if f.notices {
		names = append(names, featureNotices)
	}
	return names
}

// appendRegister appends a register message. The fields have the reference's order; an
// empty token, and an empty list of features, are omitted.
func appendRegister(b []byte, r registration) []byte {
	members, features := 3, r.features.names()
	if r.token != "" {
		members++
	}
	if len(features) > 0 {
		members++
	}
	if r.proof != "" {
		members++
	}
	if r.binding != "" {
		members++
	}
	b = msgpack.AppendMapHeader(b, members)
	b = appendMember(b, "type", "register")
	b = appendMember(b, "serverId", r.ID)
	b = appendMember(b, "address", r.Address)
	if r.token != "" {
		b = appendMember(b, "token", r.token)
	}
	if len(features) > 0 {
		b = appendStrings(msgpack.AppendString(b, "features"), features)
	}
	if r.proof != "" {
		b = appendMember(b, "proof", r.proof)
	}
	if r.binding != "" {
		b = appendMember(b, "binding", r.binding)
	}
	return b
}

// decodeRegister decodes a register message. The error wraps [core.ErrUnsupported] for a
// message of another type, and otherwise [core.ErrMalformed]. Fields that are not valid
// strings count as "". The id and the address may be "", too: the service checks them
// after the token.
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
		case "proof":
			r.proof, err = text(in)
		case "binding":
			r.binding, err = text(in)
		case "features":
			r.features, err = decodeFeatures(in)
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

// decodeFeatures reads a list of names. Unknown names are ignored, and anything but a
// list counts as an empty one.
func decodeFeatures(in *msgpack.Reader) (features, error) {
	var f features
	list := *in // a copy, so that in skips the whole list
	if err := in.Skip(); err != nil || list.Next() != msgpack.Array {
		return f, err
	}
	n, err := list.Array()
	if err != nil {
		return f, err
	}
	for range min(n, maxFeatures) {
		name, err := text(&list)
		if err != nil {
			return f, err
		}
		f.deltas = f.deltas || name == featureDeltas
		f.notices = f.notices || name == featureNotices
	}
	return f, nil
}

// Types of messages that the service sends.
const (
	typeUpdate = "update" // the whole roster
	typeDelta  = "delta"  // the changes since the last message
	typeNotice = "notice" // a problem with the registration
)

// served is a message of the service.
type served struct {
	kind    string      // one of the types above
	servers []core.Peer // all servers of an update; the new and changed ones of a delta
	left    []string    // of a delta: ids that have left the roster
	skipped int         // number of entries without an id or an address, which were omitted
	notice  notice
}

// notice is a message of the service to a node about its registration.
type notice struct {
	code  string    // noticeSharedAddress, or a code of a later version
	other core.Peer // the server to which the notice refers
}

// noticeSharedAddress says that another server has registered the same address.
const noticeSharedAddress = "shared-address"

// appendUpdate appends an update message.
func appendUpdate(b []byte, roster []core.Peer) []byte {
	b = msgpack.AppendMapHeader(b, 2)
	b = appendMember(b, "type", typeUpdate)
	return appendServers(b, roster)
}

// appendDelta appends a delta message. An id that has left and come back is in both
// lists: receivers apply left first.
func appendDelta(b []byte, servers []core.Peer, left []string) []byte {
	b = msgpack.AppendMapHeader(b, 3)
	b = appendMember(b, "type", typeDelta)
	b = appendServers(b, servers)
	return appendStrings(msgpack.AppendString(b, "left"), left)
}

// appendNotice appends a notice message.
func appendNotice(b []byte, n notice) []byte {
	b = msgpack.AppendMapHeader(b, 4)
	b = appendMember(b, "type", typeNotice)
	b = appendMember(b, "code", n.code)
	b = appendMember(b, "serverId", n.other.ID)
	return appendMember(b, "address", n.other.Address)
}

func appendServers(b []byte, roster []core.Peer) []byte {
	b = msgpack.AppendString(b, "servers")
	b = msgpack.AppendArrayHeader(b, len(roster))
	for _, peer := range roster {
		b = msgpack.AppendMapHeader(b, 2)
		b = appendMember(b, "serverId", peer.ID)
		b = appendMember(b, "address", peer.Address)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = msgpack.AppendArrayHeader(b, len(list))
	for _, item := range list {
		b = msgpack.AppendString(b, item)
	}
	return b
}

// decodeServed decodes a message of the service, whose lists may have at most limit
// entries. Entries without an id or an address are omitted and counted. Of two entries
// with one id, the last one is used, in the place of the first. Errors are those of
// decodeRegister.
func decodeServed(data []byte, limit int) (served, error) {
	var m served
	var listed bool
	err := decodeMap(data, func(in *msgpack.Reader, key []byte) (err error) {
		switch {
		case string(key) == "type":
			m.kind, err = text(in)
		case string(key) == "servers" && in.Next() == msgpack.Array:
			listed = true
			m.servers, m.skipped, err = decodeRoster(in, limit)
		case string(key) == "left" && in.Next() == msgpack.Array:
			m.left, err = decodeStrings(in, limit)
		case string(key) == "code":
			m.notice.code, err = text(in)
		case string(key) == "serverId":
			m.notice.other.ID, err = text(in)
		case string(key) == "address":
			m.notice.other.Address, err = text(in)
		default:
			err = in.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return served{}, fmt.Errorf("message of the service: %w", err)
	case m.kind != typeUpdate && m.kind != typeDelta && m.kind != typeNotice:
		return served{}, unexpected(m.kind)
	case m.kind != typeNotice && !listed:
		return served{}, fmt.Errorf("%s: %w: no list of servers", m.kind, core.ErrMalformed)
	}
	return m, nil
}

// decodeUpdate reads an update message, as decodeServed does.
func decodeUpdate(data []byte, limit int) (roster []core.Peer, skipped int, err error) {
	m, err := decodeServed(data, limit)
	if err == nil && m.kind != typeUpdate {
		err = unexpected(m.kind)
	}
	if err != nil {
		return nil, 0, err
	}
	return m.servers, m.skipped, nil
}

// decodeStrings reads a list of strings. Elements that are not strings count as "".
func decodeStrings(in *msgpack.Reader, limit int) ([]string, error) {
	n, err := in.Array()
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("%d entries are above the limit of %d", n, limit)
	}
	list := make([]string, 0, min(n, in.Len()))
	for range n {
		item, err := text(in)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func decodeRoster(in *msgpack.Reader, limit int) (roster []core.Peer, skipped int, err error) {
	n, err := in.Array()
	if err != nil {
		return nil, 0, err
	}
	if n > limit {
		return nil, 0, fmt.Errorf("%d servers are above the limit of %d", n, limit)
	}
	roster = make([]core.Peer, 0, min(n, in.Len()))
	places := make(map[string]int, min(n, in.Len()))
	for range n {
		entry := *in // a copy, so that a bad entry does not affect those behind it
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
