// Package service is discovery by a small membership service: the [Client] that
// a node runs, and the [Server] that nodes register with. Both speak the protocol of
// the reference, the Node implementation (docs/reference-protocol.md, section 2), so
// that Go and Node servers can share the service of either.
//
// # On the wire
//
// A node opens one WebSocket to the service, on any path. Every message is one
// binary WebSocket message that holds one MessagePack map:
//
//	node -> service     {type: "register", serverId: string, address: string[, token: string]}
//	service -> node     {type: "update", servers: [{serverId: string, address: string}, …]}
//
// A node registers right after the connection is open. The service answers
// registrations and departures with an update to all nodes that are registered, the new
// one included: the whole roster, in the order of registration. Those that come within a
// window are answered together. There is no message for leaving: a node leaves when its
// connection ends.
//
// Nodes that ask for features in their registration, which the reference ignores, get
// less, and more:
//
//	node -> service     {type: "register", …, features: ["delta", "notice"]}
//	service -> node     {type: "delta", servers: [{serverId, address}, …], left: [serverId, …]}
//	service -> node     {type: "notice", code: "shared-address", serverId: string, address: string}
//
// The first answer to a registration is an update. A delta is relative to the update or
// delta before it on the same connection; receivers look at left first. A notice names
// another node that has registered the same address. Close codes:
//
//	4401 unauthorized         service: another token, or none, where one is configured
//	4401 relayed              service: a proof of another connection, over TLS
//	1001 discovery-shutdown   service: it stops
//	1008 register-timeout     service: no registration in time (ours; the reference waits for ever)
//	1013 too-many-handshakes  service: too many connections that have not registered (ours)
//	1013 too-many-nodes       service: the roster is full (ours)
//	1008 id-too-long          service: more than 256 bytes (ours)
//	1008 address-too-long     service: more than 2048 bytes (ours)
//	1002 protocol-error       service: too many messages that are malformed (ours)
//	1000 client-closing       node: it leaves
//
// The service pings every 15 s, and drops a connection that has not answered
// when the next ping is due. Nodes never ping; they give up a service whose pings
// stop.
//
// # What is promised
//
// The roster tells nodes where to dial, no more: the service forgets it when it
// restarts, and builds it again as the nodes reconnect. Nodes keep their links
// meanwhile. A node may register with several services, which need not know each other:
// see [Client].
//
// A registration with an id that another connection has registered replaces that
// entry, in the same place of the roster. The other connection gets no more updates,
// its end changes nothing, and it is closed unless it registers again in time: so a
// node whose id was taken by a stranger comes back by itself.
//
// Input is not trusted: malformed messages are counted, logged and ignored on both
// sides, and sizes and numbers are bounded. Each node is sent the latest roster when
// it can take one: a slow node delays no other, and gets fewer updates, never an old
// one after a new one.
package service
