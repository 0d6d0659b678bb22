package node

import (
	"encoding/binary"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// maxSequences limits the number of message streams that a peer may have.
const maxSequences = 1 << 10

// start is the content of a START frame: how to read the messages that follow on a link.
type start struct {
	codec     string
	turn      uint64    // of the link: see claim
	epoch     string    // changes when the sender has forgotten the receiver, with its namespaces and requests
	session   string    // "" from nodes without sessions
	positions []uint64  // in each sequence, the position of the first message that follows
	lost      lostKinds // messages before these positions that will not be sent again
	gap       string    // id of this report of losses; "" if nothing is lost
}

func appendStart(b []byte, s start) []byte {
	b = msgpack.AppendMapHeader(append(b, frameStart), 7)
	b = msgpack.AppendInt(msgpack.AppendString(b, "turn"), int64(s.turn))
	b = appendPair(b, "codec", s.codec)
	b = appendPair(b, "epoch", s.epoch)
	b = appendPair(b, "session", s.session)
	b = msgpack.AppendArrayHeader(msgpack.AppendString(b, "positions"), len(s.positions))
	for _, n := range s.positions {
		b = msgpack.AppendInt(b, int64(n))
	}
	b = msgpack.AppendMapHeader(msgpack.AppendString(b, "lost"), len(s.lost))
	for kind := core.Kind(0); kind < kinds; kind++ {
		if n := s.lost[kind]; n > 0 {
			b = msgpack.AppendInt(appendKey(b, kind), int64(n))
		}
	}
	return appendPair(b, "gap", s.gap)
}

// appendKey appends a kind as the key of a map.
func appendKey(b []byte, kind core.Kind) []byte {
	return msgpack.AppendString(b, fmt.Sprint(uint8(kind)))
}

func decodeStart(src []byte) (s start, err error) {
	r := msgpack.NewReader(src[1:])
	err = r.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "codec":
			s.codec, err = readString(r)
		case "turn":
			var n int64
			n, err = r.Int()
			s.turn = uint64(max(0, n))
		case "epoch":
			s.epoch, err = readString(r)
		case "session":
			s.session, err = readString(r)
		case "positions":
			s.positions, err = readPositions(r)
		case "lost":
			s.lost, err = readLost(r)
		case "gap":
			s.gap, err = readString(r)
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return s, fmt.Errorf("%w: start: %w", core.ErrMalformed, err)
	}
	return s, nil
}

func readPositions(r *msgpack.Reader) ([]uint64, error) {
	n, err := r.Array()
	if err != nil {
		return nil, err
	}
	if n > maxSequences {
		return nil, fmt.Errorf("%d sequences, limit %d", n, maxSequences)
	}
	positions := make([]uint64, n)
	for i := range positions {
		v, err := r.Int()
		if err != nil {
			return nil, err
		}
		if v < 0 {
			return nil, fmt.Errorf("position %d", v)
		}
		positions[i] = uint64(v)
	}
	return positions, nil
}

// readLost reads counts by kind. Kinds that this version does not know are counted as
// kind 0.
func readLost(r *msgpack.Reader) (lost lostKinds, err error) {
	err = r.Fields(func(key []byte) error {
		var kind uint8
		if _, err := fmt.Sscan(string(key), &kind); err != nil || core.Kind(kind) >= kinds {
			kind = 0
		}
		n, err := r.Int()
		if err == nil && n < 0 {
			err = fmt.Errorf("%d lost messages", n)
		}
		if err == nil {
			lost = lost.add(core.Kind(kind), uint64(n))
		}
		return err
	})
	return lost, err
}

// ack is the content of an ACK frame: how many messages of a session have arrived.
type ack struct {
	unknown bool     // the receiver does not know the session
	ended   bool     // the receiver has given the session up: it does not take the rest of it
	counts  []uint64 // messages received, per sequence
}

// The second byte of an ACK.
const (
	ackPlain = iota
	ackEnded
	ackUnknown
)

func appendAck(b []byte, a ack) []byte {
	status := byte(ackPlain)
	switch {
	case a.unknown:
		status = ackUnknown
	case a.ended:
		status = ackEnded
	}
	b = append(b, frameAck, status)
	for _, n := range a.counts {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeAck(src []byte) (a ack, err error) {
	if len(src) < 2 || src[1] > ackUnknown {
		return a, fmt.Errorf("%w: ack", core.ErrMalformed)
	}
	a.unknown, a.ended = src[1] == ackUnknown, src[1] == ackEnded
	for r := (uvarintReader{src: src[2:]}); len(r.src) > 0; {
		a.counts = append(a.counts, r.next())
		if r.bad || len(a.counts) > maxSequences {
			return a, fmt.Errorf("%w: ack", core.ErrMalformed)
		}
	}
	return a, nil
}

// appendSync appends a SYNC, which asks for an ACK.
func appendSync(b []byte, turn uint64, session string) []byte {
	return append(binary.AppendUvarint(append(b, frameSync), turn), session...)
}

func decodeSync(src []byte) (turn uint64, session string, err error) {
	r := uvarintReader{src: src[1:]}
	turn = r.next()
	if r.bad || len(r.src) == 0 || len(r.src) > core.MaxIDLength {
		return 0, "", fmt.Errorf("%w: sync of %d bytes", core.ErrMalformed, len(src))
	}
	return turn, string(r.src), nil
}
