// Package service is discovery by a small membership service: the [Client] that
// a node runs, and the [Server] that nodes register with. Both speak the
// protocol of the reference implementation (docs/reference-protocol.md, section 2), so that Go and
// Node nodes can share the service of either.
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
// every registration and every departure with an update to all nodes that are
// registered, the new one included: always the whole roster, in the order of
// registration. There is no message for leaving: the end of the connection is
// the departure. Close codes:
//
//	4401 unauthorized         service: another token, or none, where one is configured
//	1001 discovery-shutdown   service: it stops
//	1008 register-timeout     service: no registration in time (ours; the reference waits for ever)
//	1013 too-many-handshakes  service: too many connections that have not registered (ours)
//	1013 too-many-nodes       service: the roster is full (ours)
//	1002 protocol-error       service: too many messages that are malformed (ours)
//	1000 client-closing       node: it leaves
//
// The service pings every 15 s, and drops a connection that has not answered
// when the next ping is due. Nodes never ping; they take the pings as a sign of
// life.
//
// # What is promised
//
// Membership is a hint where to dial, no more: the service forgets everything
// when it restarts, and fills again as the nodes come back. Nodes keep their
// links meanwhile.
//
// A registration takes the id over, whoever held it, in the same place of the
// roster; the end of the connection that held it changes nothing. That
// connection gets no more updates, and is closed unless it registers again in
// time, so that a node whose id was taken by a stranger comes back by itself.
//
// What comes from outside is not trusted: malformed messages are counted,
// logged and survived on either side, and sizes and numbers are bounded.
// The latest roster waits for each node in a place of its own, so a slow node
// delays nobody, and sees fewer updates, never an old one after a new one.
package service
