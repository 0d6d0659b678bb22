package node

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// featureRoles is the feature of nodes that know roles. A node without it would take an
// emitter or observer for a server.
const featureRoles = "roles"

// credential is a token, and the role that it grants.
type credential struct {
	token string
	role  core.Role
}

// credentials returns the credentials that are accepted now.
func (n *Node) credentials() []credential {
	var list []credential
	add := func(tokens []string, role core.Role) {
		for _, token := range tokens {
			list = append(list, credential{token, role})
		}
	}
	add(n.tokens(), core.RoleServer)
	if n.cfg.EmitterTokens != nil {
		add(n.cfg.EmitterTokens(), core.RoleEmitter)
	}
	if n.cfg.ObserverTokens != nil {
		add(n.cfg.ObserverTokens(), core.RoleObserver)
	}
	return list
}

// allows reports whether a node that has proven this credential may have a role. A
// server's token is valid for every role.
func (c credential) allows(role core.Role) bool {
	return c.role == core.RoleServer || c.role == role
}

// role returns the role that the node claims.
func (h *hello) role() core.Role {
	if h.offer == nil {
		return core.RoleServer
	}
	return cmp.Or(core.Role(h.offer.role), core.RoleServer)
}

// errRoles is why two nodes with these roles do not link, or not in this direction.
var errRoles = fmt.Errorf("%w: no link", core.ErrForbidden)

// closeRoles tells the peer that their roles forbid this link.
var closeRoles = core.CloseReason{Code: 1000, Text: "role"}

// checkRoles returns an error if the roles forbid a link. One end has to be a server. If
// the other end is none, it has to be the dialler: only then does the server know which
// token it has to use in its own proof.
func (n *Node) checkRoles(h *hello, dialled bool) error {
	ours, theirs := n.cfg.Role, h.role()
	switch {
	case !theirs.Valid():
		return fmt.Errorf("%w: role %.64q", core.ErrMalformed, theirs)
	case ours != core.RoleServer && theirs != core.RoleServer:
		return fmt.Errorf("%w between an %s and an %s", errRoles, ours, theirs)
	case ours != core.RoleServer && !dialled, theirs != core.RoleServer && dialled:
		return fmt.Errorf("%w that a server has dialled: an %s dials itself", errRoles, cmp.Or(notServer(theirs), ours))
	case ours != core.RoleServer && !h.offers(featureRoles):
		return fmt.Errorf("%w: the server is of a version that would take this %s for a server", core.ErrUnsupported, ours)
	}
	return nil
}

// checkCertificate returns an error if the dialler's certificate does not allow the role
// that it claims. Nodes that this one dials need a server's certificate, which the
// transport checks.
func (n *Node) checkCertificate(conn core.Conn, h *hello) error {
	if n.cfg.CertificateAllows == nil {
		return nil
	}
	identity := ""
	if c, ok := conn.(core.Certified); ok {
		identity = c.Identity()
	}
	if role := h.role(); !n.cfg.CertificateAllows(identity, role) {
		return fmt.Errorf("%w: it is no %s by the URIs of its certificate, [%.256s]", core.ErrUnauthorized, role, identity)
	}
	return nil
}

// notServer returns role, or "" for a server.
func notServer(role core.Role) core.Role {
	if role == core.RoleServer {
		return ""
	}
	return role
}

// takes reports whether a peer gets messages of a kind.
func (p *peer) takes(kind core.Kind) bool {
	switch p.role {
	case core.RoleEmitter:
		return false
	case core.RoleObserver:
		return announces(kind)
	}
	return !p.referenceOnly || kind.Reference()
}

// announces reports whether messages of a kind say which namespaces a server has open.
func announces(kind core.Kind) bool {
	return kind == core.KindInitialHeartbeat || kind == core.KindHeartbeat || kind == core.KindAdapterClose
}

// maySend reports whether a node with a role may send m.
func maySend(role core.Role, m *core.Message) bool {
	switch role {
	case core.RoleEmitter:
		return emittable(m)
	case core.RoleObserver:
		return false
	}
	return true
}

// forbid counts a message that the peer's role does not allow. The link stays.
func (p *peer) forbid(kind core.Kind) {
	p.counts.forbid(p.role, kind)
	p.dropInbound(kind, fmt.Errorf("%w: %s", core.ErrForbidden, p.role))
}

// sends reports whether this node's role allows it to send m. If not, it warns, unless m
// is one of the announcements that only servers make.
func (n *Node) sends(m *core.Message) bool {
	if maySend(n.cfg.Role, m) {
		return true
	}
	if !announces(m.Kind) {
		n.logLimit.Log(n.log, slog.LevelWarn, "role "+m.Kind.String(), "not sending a message", "kind", m.Kind,
			"error", fmt.Errorf("%w: %s", core.ErrForbidden, n.cfg.Role), "setting", "Role (MESH_ROLE)")
	}
	return false
}

func idsOf(peers []*peer) []string {
	ids := make([]string, len(peers))
	for i, p := range peers {
		ids[i] = p.id
	}
	return ids
}

// forbidden counts messages that roles do not allow, by role and kind.
type forbidden struct{ emitter, observer [kinds]atomic.Uint64 }

func (s *stats) forbid(role core.Role, kind core.Kind) {
	if kind >= kinds {
		kind = 0
	}
	if role == core.RoleEmitter {
		s.forbidden.emitter[kind].Add(1)
	} else {
		s.forbidden.observer[kind].Add(1)
	}
}

// byRole returns the counts that are not 0.
func (f *forbidden) byRole() map[core.Role]map[core.Kind]uint64 {
	counts := map[core.Role]map[core.Kind]uint64{}
	add := func(role core.Role, of *[kinds]atomic.Uint64) {
		for kind := range of {
			if n := of[kind].Load(); n > 0 {
				if counts[role] == nil {
					counts[role] = map[core.Kind]uint64{}
				}
				counts[role][core.Kind(kind)] = n
			}
		}
	}
	add(core.RoleEmitter, &f.emitter)
	add(core.RoleObserver, &f.observer)
	return counts
}
