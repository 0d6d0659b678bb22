// Links are the mesh connections of one process: who dials, who is accepted, and
// when a connection ends (docs/reference-protocol.md, sections 3 and 4).
import { EventEmitter } from "node:events";
import { WebSocket, WebSocketServer } from "ws";
import { HELLO, MAX_FRAME, MESH, frame, hello, parse } from "./frames.js";

const HELLO_TIMEOUT = 10_000;
const SLOW_CONSUMER_BYTES = 16 << 20;

// Emits "message" (a decoded MESH frame), "up" and "down" (a uid).
export class Links extends EventEmitter {
  constructor({ uid, address, token }) {
    super();
    this.uid = uid;
    this.address = address;
    this.token = token;
    this.peers = new Map(); // uid -> {ws, address}; established connections
    this.roster = new Map(); // uid -> address
    this.dialling = new Map(); // uid -> WebSocket or timer of the next dial
    this.strangers = new Set(); // accepted, without HELLO so far
    this.closed = false;
  }

  // listen returns the port.
  listen(host, port) {
    this.server = new WebSocketServer({ host, port, maxPayload: MAX_FRAME, perMessageDeflate: false });
    this.server.on("connection", (ws) => this.accept(ws));
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.once("listening", () => resolve(this.server.address().port));
    });
  }

  accept(ws) {
    this.strangers.add(ws);
    const timer = setTimeout(() => ws.close(1002, "hello-timeout"), HELLO_TIMEOUT);
    ws.on("error", () => {});
    ws.once("close", () => {
      clearTimeout(timer);
      this.strangers.delete(ws);
    });
    ws.once("message", (bytes) => {
      clearTimeout(timer);
      this.strangers.delete(ws);
      const greeting = this.judge(parse(bytes));
      if (greeting === undefined) return ws.close(1002, "hello-invalid");
      this.establish(greeting.uid, ws, typeof greeting.address === "string" ? greeting.address : "");
    });
  }

  // judge returns the HELLO, or undefined where it is refused.
  judge(first) {
    const greeting = first?.kind === HELLO ? first.value : undefined;
    const uid = greeting?.uid;
    if (typeof uid !== "string" || uid === "" || uid === this.uid) return undefined;
    if (this.token !== undefined && greeting.token !== this.token) return undefined;
    if (this.peers.has(uid)) return undefined; // the older connection wins
    return greeting;
  }

  // setRoster acts on every roster literally, as the reference does.
  setRoster(servers) {
    if (this.closed) return;
    this.roster = new Map(servers.map((s) => [s.serverId, s.address]));
    for (const [uid, peer] of [...this.peers]) {
      if (!this.roster.has(uid)) this.drop(uid, "left-discovery");
      else if (this.roster.get(uid) !== peer.address) this.drop(uid, "address-changed");
    }
    for (const uid of this.roster.keys()) this.dial(uid);
  }

  drop(uid, reason) {
    const peer = this.peers.get(uid);
    this.forget(uid, peer.ws);
    peer.ws.close(1000, reason);
  }

  // dial connects to a peer with a larger uid, unless that is done or under way.
  dial(uid) {
    const address = this.roster.get(uid);
    if (this.closed || address === undefined || !(this.uid < uid) || this.peers.has(uid) || this.dialling.has(uid)) return;
    let ws;
    try {
      ws = new WebSocket(address, { maxPayload: MAX_FRAME });
    } catch {
      return; // not an address
    }
    this.dialling.set(uid, ws);
    ws.on("error", () => {});
    ws.once("open", () => {
      this.dialling.delete(uid);
      if (this.peers.has(uid)) return ws.close(1000, "duplicate");
      if (this.roster.get(uid) !== address) {
        ws.close(1000, "address-changed");
        return this.dial(uid);
      }
      ws.send(hello(this.uid, this.address, this.token));
      this.establish(uid, ws, address); // without an answer: there is none
    });
    ws.once("close", () => {
      if (this.dialling.get(uid) === ws) this.dialling.delete(uid);
      this.redial(uid);
    });
  }

  redial(uid) {
    if (this.closed || !this.roster.has(uid) || this.dialling.has(uid)) return;
    const timer = setTimeout(() => {
      this.dialling.delete(uid);
      this.dial(uid);
    }, 1000 + Math.random() * 1000);
    this.dialling.set(uid, timer);
  }

  establish(uid, ws, address) {
    this.peers.set(uid, { ws, address });
    ws.on("message", (bytes) => {
      if (this.peers.get(uid)?.ws !== ws) return;
      const received = parse(bytes);
      if (received?.kind === MESH) this.emit("message", received.value);
    });
    ws.once("close", () => this.forget(uid, ws));
    this.emit("up", uid);
  }

  forget(uid, ws) {
    if (this.peers.get(uid)?.ws !== ws) return;
    this.peers.delete(uid);
    this.emit("down", uid);
  }

  // publish encodes once, for all peers. It throws where msgpack has no form.
  publish(message) {
    const bytes = frame(MESH, message);
    for (const uid of [...this.peers.keys()]) this.send(uid, bytes);
  }

  sendTo(uid, message) {
    if (this.peers.has(uid)) this.send(uid, frame(MESH, message));
  }

  send(uid, bytes) {
    const { ws } = this.peers.get(uid);
    if (ws.bufferedAmount > SLOW_CONSUMER_BYTES) return this.drop(uid, "slow-consumer");
    ws.send(bytes, (error) => {
      if (error) ws.close(1000, "send-error");
    });
  }

  // close ends when all connections have ended.
  async close() {
    this.closed = true;
    for (const pending of this.dialling.values()) {
      if (pending instanceof WebSocket) pending.terminate();
      else clearTimeout(pending);
    }
    for (const ws of this.strangers) ws.close(1001, "transport-closed");
    const ending = [...this.peers.values()].map(({ ws }) => {
      ws.close(1000, "transport-closed");
      return new Promise((resolve) => ws.once("close", resolve));
    });
    this.server.close();
    await Promise.all(ending);
  }
}
