package node

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// featureRoles is what a node offers that knows roles: others would take any node for a
// server.
const featureRoles = "roles"

// credential is a token, and what who has it may be.
type credential struct {
	token string
	role  core.Role
}

// credentials are those of this moment that let nodes in.
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

// allows tells whether who has proven this credential may be of a role: a server's token
// is good for all of them.
func (c credential) allows(role core.Role) bool {
	return c.role == core.RoleServer || c.role == role
}

// role is what the node says that it is.
func (h *hello) role() core.Role {
	if h.offer == nil {
		return core.RoleServer
	}
	return cmp.Or(core.Role(h.offer.role), core.RoleServer)
}

// errRoles is why there is no link between two nodes, which need none, or not this one.
var errRoles = fmt.Errorf("%w: no link", core.ErrForbidden)

// closeRoles tells the peer so.
var closeRoles = core.CloseReason{Code: 1000, Text: "role"}

// checkRoles tells whether there is to be a link with a peer. One end is a server, and the
// other end, if it is none, has dialled: only so the server knows by which token it is to
// prove itself.
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

// checkCertificate tells whether who has dialled may be of the role that it claims by its
// certificate. Whom this node dials needs a server's, which is the transport's to check.
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

// notServer is role, unless that is the server's.
func notServer(role core.Role) core.Role {
	if role == core.RoleServer {
		return ""
	}
	return role
}

// takes tells whether a peer gets messages of a kind.
func (p *peer) takes(kind core.Kind) bool {
	switch p.role {
	case core.RoleEmitter:
		return false
	case core.RoleObserver:
		return announces(kind)
	}
	return !p.referenceOnly || kind.Reference()
}

// announces tells whether messages of a kind say which namespaces a server has.
func announces(kind core.Kind) bool {
	return kind == core.KindInitialHeartbeat || kind == core.KindHeartbeat || kind == core.KindAdapterClose
}

// maySend tells whether a node of a role may send m.
func maySend(role core.Role, m *core.Message) bool {
	switch role {
	case core.RoleEmitter:
		return emittable(m)
	case core.RoleObserver:
		return false
	}
	return true
}

// forbid counts what the peer's role does not allow. The link stays.
func (p *peer) forbid(kind core.Kind) {
	p.counts.forbid(p.role, kind)
	p.dropInbound(kind, fmt.Errorf("%w: %s", core.ErrForbidden, p.role))
}

// sends tells whether this node sends m. What only servers say of themselves an emitter or
// observer leaves out; other messages are the application's, which is told.
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

// forbidden counts what roles do not allow, by role and kind.
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

// byRole are the counts that are not 0.
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
