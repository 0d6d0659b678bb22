// Package service finds peers through a small discovery service: the [Client] that a node
// runs, and the [Server] with which nodes register. Both use the protocol of the
// reference, the Node implementation (docs/reference-protocol.md, section 2), so that Go
// and Node servers can share either one's service.
//
// # On the wire
//
// A node opens one WebSocket to the service, on any path. Every message is one binary
// WebSocket message with one MessagePack map:
//
//	node -> service     {type: "register", serverId: string, address: string[, token: string]}
//	service -> node     {type: "update", servers: [{serverId: string, address: string}, …]}
//
// A node registers as soon as the connection is open. After registrations and departures,
// the service sends an update to all registered nodes, including the new one: the whole
// roster, in the order of registration. There is one update for all changes within a
// window. There is no message for leaving: a node leaves when its connection ends.
//
// Nodes may ask for features in their registration. The reference ignores this field. A
// node with these features gets changes instead of whole rosters, and notices:
//
//	node -> service     {type: "register", …, features: ["delta", "notice"]}
//	service -> node     {type: "delta", servers: [{serverId, address}, …], left: [serverId, …]}
//	service -> node     {type: "notice", code: "shared-address", serverId: string, address: string}
//
// The first answer to a registration is an update. A delta is relative to the update or
// delta before it on the same connection; receivers apply left first. A notice names
// another node that has registered the same address. Close codes:
//
//	4401 unauthorized         service: a wrong token, or none, although one is required
//	4401 relayed              service: a proof for another connection, over TLS
//	1001 discovery-shutdown   service: it stops
//	1008 register-timeout     service: no registration in time (ours; the reference waits for ever)
//	1013 too-many-handshakes  service: too many connections that have not registered (ours)
//	1013 too-many-nodes       service: the roster is full (ours)
//	1008 id-too-long          service: more than 256 bytes (ours)
//	1008 address-too-long     service: more than 2048 bytes (ours)
//	1002 protocol-error       service: too many malformed messages (ours)
//	1000 client-closing       node: it leaves
//
// The service pings every 15 s, and drops a connection that has not answered when the
// next ping is due. Nodes do not ping; they give up a service whose pings stop.
//
// # What is promised
//
// The roster only tells nodes where to dial. The service forgets it when it restarts, and
// builds it again as the nodes reconnect; nodes keep their links meanwhile. A node may
// register with several services, which need not know each other: see [Client].
//
// If a node registers an id that another connection has registered, it replaces that
// entry, in the same place of the roster. The other connection gets no more updates, its
// end changes nothing, and it is closed unless it registers again in time: so a node
// whose id a stranger has taken gets it back by itself.
//
// Input is not trusted: malformed messages are counted, logged and ignored on both sides,
// and sizes and numbers are limited. Each node is sent the latest roster when it is ready
// to receive one: a slow node does not delay the others, and gets fewer updates, but
// never an older roster after a newer one.
package service
