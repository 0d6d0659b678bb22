package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/loglimit"
)

// warning looks for something that is legal and surely not meant. It is logged when it
// has lasted for a while, with the setting that mends it, and again while it lasts.
type warning struct {
	after time.Duration // how long it has to last before it is logged
	every time.Duration // time between two lines about the same thing
	find  func(*scene) []finding
}

// finding is one thing to warn of.
type finding struct {
	about   string // distinguishes it from others of the same warning: an id, an address
	message string
	setting string // the setting of Config that mends it, with its variable
	attrs   []any
}

// scene is what warnings look at: the node, and its roster at this moment.
type scene struct {
	*Node
	listen     string
	advertised string
	turnedAway error // why the transport last refused a connection, before the dialler said its id
	roster     core.RosterStatus
	listed     []core.Peer // the entries of the roster, without this node
	peers      int
}

// How long something has to last before a warning, and the time between two warnings.
const (
	watchInterval = time.Second

	// afterRestart is longer than discovery takes to notice that a node is gone: a server
	// that replaces it may have the same address meanwhile.
	afterRestart  = 40 * time.Second
	afterUnlinked = 30 * time.Second
	afterAlone    = time.Minute

	repeatTrouble = 5 * time.Minute
	repeatConfig  = time.Hour
)

// warnings are all warnings.
var warnings = []warning{
	{0, repeatConfig, (*scene).localAddress},
	{0, repeatConfig, (*scene).noToken},
	{0, repeatTrouble, (*scene).leadsBack},
	{afterRestart, repeatTrouble, (*scene).sharedAddress},
	{0, repeatTrouble, (*scene).oneSidedTLS},
	{afterUnlinked, repeatTrouble, (*scene).unlinked},
	{afterAlone, repeatConfig, (*scene).alone},
}

// Settings, as users write them.
const (
	settingAdvertise = "Advertise (MESH_ADVERTISE)"
	settingAuthToken = "AuthToken (MESH_AUTH_TOKEN or MESH_AUTH_TOKEN_FILE)"
	settingTLS       = "TLS (MESH_TLS_CERT, MESH_TLS_KEY, MESH_TLS_CA)"
)

// localAddress: the node listens on all interfaces, and advertises an address that means
// a different machine on each machine.
func (s *scene) localAddress() []finding {
	host, listening := hostOf(s.advertised), hostOf(s.listen)
	if !hasPort(s.advertised) || !advertise.IsUnspecified(host) && !(advertise.IsLoopback(host) && advertise.IsUnspecified(listening)) {
		return nil
	}
	return []finding{{message: "the advertised address means another machine on each machine: servers elsewhere cannot reach this one", setting: settingAdvertise,
		attrs: []any{"advertise", s.advertised, "listen", s.listen}}}
}

// noToken: anybody who reaches the port can join the mesh.
func (s *scene) noToken() []finding {
	if s.guarded() || !s.public() {
		return nil
	}
	if v, ok := s.cfg.Transport.(core.PeerVerifier); ok && v.VerifiesPeers() {
		return nil
	}
	return []finding{{message: "no token on a public interface: whoever reaches the port can join the mesh", setting: settingAuthToken,
		attrs: []any{"listen", s.listen}}}
}

// public reports whether strangers may reach the node: it listens on all interfaces, or
// on one that is not private. If it has no port of its own, as in an application's HTTP
// server, the advertised address decides.
func (s *scene) public() bool {
	host := hostOf(s.listen)
	if !hasPort(s.listen) {
		return hasPort(s.advertised) && !advertise.IsLoopback(hostOf(s.advertised))
	}
	ip := net.ParseIP(host)
	return advertise.IsUnspecified(host) || ip != nil && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
}

// leadsBack: the address of another server leads to this node.
func (s *scene) leadsBack() (found []finding) {
	for _, p := range s.roster.Unlinked {
		if errors.Is(p.Err, core.ErrSelf) {
			found = append(found, finding{about: p.ID, message: "the address of another server leads back to this one",
				setting: settingAdvertise + " of that server", attrs: []any{"peer", p.ID, "address", p.Address}})
		}
	}
	return found
}

// sharedAddress: of several servers with one address, at most one can be dialled.
func (s *scene) sharedAddress() (found []finding) {
	first := map[string]string{}
	if s.advertised != "" {
		first[s.advertised] = s.id
	}
	for _, p := range s.listed {
		if p.ID == "" {
			continue
		}
		if other, taken := first[p.Address]; taken {
			found = append(found, finding{about: p.ID, message: "two servers advertise the same address", setting: settingAdvertise + " of one of them",
				attrs: []any{"address", p.Address, "peer", p.ID, "other", other}})
			continue
		}
		first[p.Address] = p.ID
	}
	return found
}

// oneSidedTLS: this server advertises ws:// and others wss://, or the reverse.
func (s *scene) oneSidedTLS() (found []finding) {
	own := schemeOf(s.advertised)
	if own != "ws" && own != "wss" {
		return nil
	}
	for _, p := range s.listed {
		other := schemeOf(p.Address)
		if other == own || other != "ws" && other != "wss" {
			continue
		}
		without := "that server"
		if own == "ws" {
			without = "this server"
		}
		found = append(found, finding{about: p.Address, message: "TLS on one side only: one of two servers has a certificate", setting: settingTLS + " of " + without,
			attrs: []any{"address", p.Address, "peer", p.ID, "advertise", s.advertised}})
	}
	return found
}

// unlinked: there is no link to a server of the roster. Both ends warn: the dialler knows
// why, the acceptor knows at most why it refuses.
func (s *scene) unlinked() (found []finding) {
	for _, p := range s.roster.Unlinked {
		if errors.Is(p.Err, core.ErrSelf) {
			continue
		}
		f := finding{about: rosterKey(p.Peer), message: "no link to a server of the roster, which this one dials",
			setting: settingFor(p.Err, settingAdvertise+" of that server"), attrs: []any{"peer", p.ID, "address", p.Address}}
		err := p.Err
		if p.ID != "" && s.id > p.ID {
			if err == nil {
				err = s.turnedAway
			}
			f.message = "no link to a server of the roster, which dials this one"
			f.setting = settingFor(err, settingAdvertise+" of this server")
			f.attrs = append(f.attrs, "advertise", s.advertised)
		}
		if err != nil {
			f.attrs = append(f.attrs, "error", err)
		}
		found = append(found, f)
	}
	return found
}

// settingFor names the setting that mends an error of a handshake or a link.
func settingFor(err error, otherwise string) string {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		remote      *net.OpError
	)
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &record), errors.As(err, &alert),
		errors.As(err, &remote) && remote.Op == "remote error":
		return settingTLS
	case errors.Is(err, core.ErrRelayed): // this and the next before ErrUnauthorized, which they wrap
		return "AllowTLSProxies (MESH_ALLOW_TLS_PROXIES), if the proxy is yours"
	case errors.Is(err, errReferencePeer):
		return "AllowReferencePeers (MESH_ALLOW_REFERENCE_PEERS)"
	case errors.Is(err, core.ErrUnauthorized):
		return settingAuthToken
	case errors.Is(err, core.ErrNoCommonCodec):
		return "Codec (MESH_CODEC)"
	case errors.Is(err, core.ErrSlowPeer):
		return "QueueBytes and MaxQueueBytes (MESH_QUEUE_BYTES, MESH_MAX_QUEUE_BYTES), or a faster network"
	case errors.Is(err, core.ErrSilentPeer):
		return "HeartbeatTimeout (MESH_HEARTBEAT_TIMEOUT), if the peer is alive"
	case errors.Is(err, core.ErrTooLarge):
		return "MaxFrame (MESH_MAX_FRAME)"
	case errors.Is(err, core.ErrForbiddenAddress):
		return entryReasons[entryNetwork].setting
	case errors.Is(err, core.ErrUnknownPeer):
		return "Discovery (MESH_DISCOVERY)"
	}
	return otherwise
}

// alone: there is no peer, and the roster contains no other server.
func (s *scene) alone() []finding {
	if s.peers > 0 || len(s.roster.Unlinked) > 0 {
		return nil
	}
	f := finding{message: "no other server: the roster has this one alone", setting: "Discovery (MESH_DISCOVERY)"}
	if s.cfg.Discovery != nil {
		switch s.cfg.Discovery.Name() {
		case "service":
			f.setting = "DiscoveryAddress (MESH_DISCOVERY_ADDRESS), the same on all servers"
		case "gossip":
			f.setting = "the seeds of the gossip (MESH_GOSSIP_SEEDS), their keys and label"
		case "dns":
			f.setting = "DiscoveryAddress (MESH_DISCOVERY_ADDRESS), a name of all servers"
		case "static":
			f.setting = "Peers (MESH_PEERS)"
		}
		if !s.roster.Heard {
			f.message = "no other server: discovery has not reported a roster yet"
		}
	}
	return []finding{f}
}

// watch logs warnings until the node shuts down.
func (n *Node) watch() {
	limits := make([]loglimit.Limiter, len(warnings))
	since := make([]map[string]time.Time, len(warnings)) // when each finding began, by its about
	for i, w := range warnings {
		limits[i].Period, limits[i].Keys = w.every, 64
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-n.ctx.Done():
			return
		}
		now, s := time.Now(), n.scene()
		for i, w := range warnings {
			lasting := map[string]time.Time{}
			for _, f := range w.find(s) {
				began, known := since[i][f.about]
				if !known {
					began = now
				}
				lasting[f.about] = began
				if now.Sub(began) < w.after {
					continue
				}
				if _, ok := limits[i].Allow(f.about); ok {
					n.log.Log(context.Background(), slog.LevelWarn, f.message,
						append(f.attrs, "setting", f.setting, "for", now.Sub(began).Round(time.Second))...)
				}
			}
			since[i] = lasting
		}
	}
}

// scene returns what warnings look at now.
func (n *Node) scene() *scene {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &scene{Node: n, listen: n.listener.Addr(), advertised: n.advertised,
		roster: n.rosterStatus(time.Now()), peers: len(n.linkedPeers())}
	if why := n.lastTurnedAway.Load(); why != nil {
		s.turnedAway = *why
	}
	for _, e := range n.roster.entries {
		if !e.self {
			s.listed = append(s.listed, e.Peer)
		}
	}
	slices.SortFunc(s.listed, comparePeers)
	return s
}

// hostOf returns the host in "scheme://host:port/path" or "host:port".
func hostOf(address string) string {
	authority, _ := authorityOf(address)
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return strings.Trim(authority, "[]")
}

func hasPort(address string) bool {
	authority, _ := authorityOf(address)
	_, _, err := net.SplitHostPort(authority)
	return err == nil
}

func authorityOf(address string) (authority, scheme string) {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	}
	authority, _, _ = strings.Cut(rest, "/")
	return authority, strings.ToLower(scheme)
}

func schemeOf(address string) string {
	_, scheme := authorityOf(address)
	return scheme
}
