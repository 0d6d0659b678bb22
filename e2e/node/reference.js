// A stand-in for the reference adapter, written from docs/reference-protocol.md: what the tests need
// a Node server for, with the weaknesses that matter to its peers.
import { randomBytes } from "node:crypto";
import { ClusterAdapterWithHeartbeat, MessageType } from "socket.io-adapter";
import { Links } from "./links.js";
import { Membership } from "./membership.js";

const RESPONSES = new Set([
  MessageType.FETCH_SOCKETS_RESPONSE,
  MessageType.SERVER_SIDE_EMIT_RESPONSE,
  MessageType.BROADCAST_CLIENT_COUNT,
  MessageType.BROADCAST_ACK,
]);

// Mesh is one process's place in the mesh; all namespaces share it.
export class Mesh {
  // Times are milliseconds.
  constructor({ uid = randomBytes(8).toString("hex"), token, discovery, heartbeatInterval = 5000, heartbeatTimeout = 10_000 }) {
    this.uid = uid;
    this.heartbeats = { heartbeatInterval, heartbeatTimeout };
    this.namespaces = new Map(); // name -> ReferenceAdapter
    this.links = new Links({ uid, token });
    this.links.on("message", (message) => this.dispatch(message));
    this.membership = new Membership({ url: discovery, uid, token, onRoster: (servers) => this.links.setRoster(servers) });
  }

  // start listens and registers. The advertised address follows the port.
  async start(host, port) {
    const real = await this.links.listen(host, port);
    this.address = this.links.address = this.membership.address = `ws://${host}:${real}`;
    this.membership.start();
  }

  // adapter is for the "adapter" option of a Socket.IO server.
  adapter() {
    const mesh = this;
    return function create(nsp) {
      return new ReferenceAdapter(nsp, mesh);
    };
  }

  dispatch(message) {
    if (typeof message?.nsp !== "string" || message.uid === this.uid) return;
    const adapter = this.namespaces.get(message.nsp);
    if (adapter === undefined) return;
    if (RESPONSES.has(message.type)) adapter.onResponse(message);
    else adapter.onMessage(message);
  }

  async close() {
    for (const adapter of [...this.namespaces.values()]) adapter.close();
    this.membership.stop();
    await this.links.close();
  }
}

class ReferenceAdapter extends ClusterAdapterWithHeartbeat {
  constructor(nsp, mesh) {
    super(nsp, mesh.heartbeats);
    this.mesh = mesh;
    this.uid = mesh.uid;
    mesh.namespaces.set(nsp.name, this);
  }

  async doPublish(message) {
    this.mesh.links.publish(message);
  }

  async doPublishResponse(requester, response) {
    this.mesh.links.sendTo(requester, response);
  }

  close() {
    if (!this.mesh.namespaces.delete(this.nsp.name)) return;
    super.close();
  }
}
