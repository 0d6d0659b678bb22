package node

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// The protocol versions between Go nodes that this one speaks.
const (
	minVersion = 1
	maxVersion = 1
)

// hello is how a node introduces itself: the HELLO frame of a dialler, and the WELCOME
// with which a Go node answers. Its first three fields are those of the reference
// (docs/reference-protocol.md, section 3). Only reference peers, which have no offer, are
// sent the token; Go nodes prove that they have it.
type hello struct {
	uid     string
	address string
	token   string
	offer   *offer
}

// offer is what a Go node can do, and the dialler's name for the link.
type offer struct {
	minVersion int
	maxVersion int
	codecs     []string
	features   []string
	link       string // the dialler counts its links: a later link has a larger name
	process    string // distinguishes the process from others with the same uid; "" from nodes that do not send it
	nonce      string // random, from a node that requires the token; otherwise ""
	key        string // the process's public key, to which it proves to have the private one; "" from nodes without one
	challenge  string // random, beside a key
	role       string // the role of the node; "" for a server
	binding    string // identifies the connection's TLS session; "" from acceptors without TLS, and where proxies are allowed
	extra      string // name of a field that a later version may have; "" for none
}

// String is for errors and logs. Long values of a peer are cut.
func (o *offer) String() string {
	if o.maxVersion == 0 {
		return fmt.Sprintf("the reference's protocol, codecs %.256s", strings.Join(o.codecs, " "))
	}
	return fmt.Sprintf("versions %d-%d, codecs %.256s", o.minVersion, o.maxVersion, strings.Join(o.codecs, " "))
}

// appendHello appends a frame of this kind.
func appendHello(b []byte, kind byte, h *hello) []byte {
	members := 2
	if h.token != "" {
		members++
	}
	if h.offer != nil {
		members++
	}
	b = msgpack.AppendMapHeader(append(b, kind), members)
	b = appendPair(b, "uid", h.uid)
	b = appendPair(b, "address", h.address)
	if h.token != "" {
		b = appendPair(b, "token", h.token)
	}
	if h.offer != nil {
		b = appendOffer(msgpack.AppendString(b, "mesh"), h.offer)
	}
	return b
}

func appendOffer(b []byte, o *offer) []byte {
	members := 6
	if o.extra != "" {
		members++
	}
	if o.nonce != "" {
		members++
	}
	if o.key != "" {
		members += 2
	}
	if o.role != "" {
		members++
	}
	if o.binding != "" {
		members++
	}
	b = msgpack.AppendMapHeader(b, members)
	if o.extra != "" {
		b = appendPair(b, o.extra, "")
	}
	b = msgpack.AppendInt(msgpack.AppendString(b, "min"), int64(o.minVersion))
	b = msgpack.AppendInt(msgpack.AppendString(b, "max"), int64(o.maxVersion))
	b = appendList(msgpack.AppendString(b, "codecs"), o.codecs)
	b = appendList(msgpack.AppendString(b, "features"), o.features)
	b = appendPair(b, "link", o.link)
	b = appendPair(b, "process", o.process)
	if o.nonce != "" {
		b = appendPair(b, "nonce", o.nonce)
	}
	if o.key != "" {
		b = appendPair(appendPair(b, "key", o.key), "challenge", o.challenge)
	}
	if o.role != "" {
		b = appendPair(b, "role", o.role)
	}
	if o.binding != "" {
		b = appendPair(b, "binding", o.binding)
	}
	return b
}

func appendPair(b []byte, key, value string) []byte {
	return msgpack.AppendString(msgpack.AppendString(b, key), value)
}

func appendList(b []byte, list []string) []byte {
	b = msgpack.AppendArrayHeader(b, len(list))
	for _, s := range list {
		b = msgpack.AppendString(b, s)
	}
	return b
}

// decodeHello decodes a frame that has to be of this kind. It ignores unknown fields,
// which later versions may have.
func decodeHello(src []byte, kind byte) (*hello, error) {
	if len(src) < 2 || src[0] != kind {
		return nil, fmt.Errorf("%w: not a handshake", core.ErrMalformed)
	}
	h := &hello{}
	r := msgpack.NewReader(src[1:])
	err := r.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "uid":
			h.uid, err = readString(r)
		case "address":
			h.address, err = readString(r)
		case "token":
			h.token, err = readString(r)
		case "mesh":
			h.offer, err = readOffer(r)
		default:
			err = r.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: handshake: %w", core.ErrMalformed, err)
	case r.Len() > 0:
		return nil, fmt.Errorf("%w: handshake: %d bytes too many", core.ErrMalformed, r.Len())
	case h.uid == "" || len(h.uid) > core.MaxIDLength:
		return nil, fmt.Errorf("%w: handshake: uid of %d bytes", core.ErrMalformed, len(h.uid))
	}
	return h, nil
}

func readOffer(r *msgpack.Reader) (*offer, error) {
	o := &offer{}
	err := r.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "min":
			o.minVersion, err = readInt(r)
		case "max":
			o.maxVersion, err = readInt(r)
		case "codecs":
			o.codecs, err = readList(r)
		case "features":
			o.features, err = readList(r)
		case "link":
			o.link, err = readString(r)
		case "process":
			o.process, err = readString(r)
		case "nonce":
			o.nonce, err = readString(r)
		case "key":
			o.key, err = readString(r)
		case "challenge":
			o.challenge, err = readString(r)
		case "role":
			o.role, err = readString(r)
		case "binding":
			o.binding, err = readString(r)
		default:
			err = r.Skip()
		}
		return err
	})
	return o, err
}

func readString(r *msgpack.Reader) (string, error) {
	s, err := r.String()
	return string(s), err
}

func readInt(r *msgpack.Reader) (int, error) {
	v, err := r.Int()
	return int(v), err
}

func readList(r *msgpack.Reader) ([]string, error) {
	n, err := r.Array()
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, min(n, 64))
	for range n {
		s, err := readString(r)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// offers reports whether a Go node has announced a feature.
func (h *hello) offers(feature string) bool {
	return h.offer != nil && slices.Contains(h.offer.features, feature)
}

// process returns the id of the node's process; empty if the node does not send it.
func (h *hello) process() processID {
	if h.offer == nil {
		return processID{}
	}
	return processID{h.offer.process, h.offer.key}
}

// authorise checks the token of a reference peer. While a token is being replaced, the
// old and the new one are valid.
func (n *Node) authorise(h *hello) error {
	if !n.guarded() {
		return nil
	}
	theirs, right := sha256.Sum256([]byte(h.token)), 0
	for _, token := range n.tokens() {
		ours := sha256.Sum256([]byte(token)) // of equal length, so that the time does not tell the token's length
		right |= subtle.ConstantTimeCompare(theirs[:], ours[:])
	}
	switch {
	case right == 1:
		return nil
	case h.token == "":
		return errNoToken
	}
	return errWrongToken
}

// guarded reports whether peers need a token.
func (n *Node) guarded() bool { return n.cfg.Tokens != nil || n.cfg.AuthToken != "" }

// tokens returns the tokens that are valid now; this node's own is the first.
func (n *Node) tokens() []string {
	if n.cfg.Tokens != nil {
		return n.cfg.Tokens()
	}
	return []string{n.cfg.AuthToken}
}

// ownToken returns the token that is sent to reference peers; "" for none.
func (n *Node) ownToken() string {
	if tokens := n.tokens(); len(tokens) > 0 {
		return tokens[0]
	}
	return ""
}

// terms are what two nodes have agreed on for messages from this node to the other one.
type terms struct {
	version int // of the protocol between Go nodes; 0 for reference peers
	codec   int // index of the codec in which this node writes
}

// agree chooses the latest version that both nodes speak, and the first codec in our
// order that the other one reads. The other node chooses in its own order. So a node
// whose preferred codec changes writes in it as soon as it is restarted, whatever the
// others prefer, and encodes a message once for all peers that read this codec.
func agree(ours, theirs *offer) (terms, error) {
	version := min(ours.maxVersion, theirs.maxVersion)
	if version < max(ours.minVersion, theirs.minVersion) {
		return terms{}, &core.MismatchError{Ours: ours.String(), Theirs: theirs.String(), Err: core.ErrNoCommonVersion}
	}
	codec := slices.IndexFunc(ours.codecs, func(name string) bool { return slices.Contains(theirs.codecs, name) })
	if codec < 0 {
		return terms{}, &core.MismatchError{Ours: ours.String(), Theirs: theirs.String(), Err: core.ErrNoCommonCodec}
	}
	return terms{version, codec}, nil
}

// appendFlush appends a FLUSH with the number of messages that were sent on the link:
// some may still be under way on other streams.
func appendFlush(b []byte, sent int64) []byte {
	b = msgpack.AppendMapHeader(append(b, frameFlush), 1)
	return msgpack.AppendInt(msgpack.AppendString(b, "sent"), sent)
}

// decodeFlush reads that number. A node without streams sends a FLUSH without it.
func decodeFlush(src []byte) (sent int64, err error) {
	if len(src) == 1 {
		return 0, nil
	}
	r := msgpack.NewReader(src[1:])
	err = r.Fields(func(key []byte) (err error) {
		if string(key) != "sent" {
			return r.Skip()
		}
		sent, err = r.Int()
		return err
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: flush: %w", core.ErrMalformed, err)
	case sent < 0:
		return 0, fmt.Errorf("%w: flush: %d messages", core.ErrMalformed, sent)
	}
	return sent, nil
}

// randomID returns 16 lower-case hex digits, like the ids of the reference.
func randomID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
