// The clients of a scenario: npm's, of two generations, with one way to be steered.
import { createRequire } from "node:module";
import { Manager } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";
import { encode } from "./values.js";
const require = createRequire(import.meta.url);
const { Manager: Manager2 } = require("socket.io-client-2");

// transports are the ways in which clients connect. In "upgrading" nothing waits for
// the upgrade, which is under way while the scenario goes on.
export const transports = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"] },
  upgrade: { transports: ["polling", "websocket"], upgraded: true },
  upgrading: { transports: ["polling", "websocket"] },
  "eio3-websocket": { transports: ["websocket"], eio3: true },
  "eio3-polling": { transports: ["polling"], eio3: true },
  "eio3-upgrade": { transports: ["polling", "websocket"], eio3: true, upgraded: true },
  "msgpack-websocket": { transports: ["websocket"], parser: msgpack },
  "msgpack-polling": { transports: ["polling"], parser: msgpack },
};

// Client is one connection; its sockets are one per namespace.
export class Client {
  constructor(world, name, url, transport, { query, ...options } = {}) {
    this.world = world;
    this.name = name;
    this.transport = transports[transport];
    this.eio3 = Boolean(this.transport.eio3);
    const M = this.eio3 ? Manager2 : Manager;
    this.manager = new M(url, {
      transports: this.transport.transports,
      parser: this.transport.parser,
      query: { as: name, ...query },
      reconnection: false,
      timeout: 120_000, // as long as servers wait, see perform
      autoConnect: false,
      forceNew: true,
      ...options,
    });
    this.sockets = new Map();
  }

  // of opens the socket of a namespace, without waiting for it.
  of(nsp = "/", options = {}) {
    const socket = new ClientSocket(this, nsp, options);
    this.sockets.set(nsp, socket);
    return socket;
  }

  get engine() {
    return this.manager.engine;
  }

  // kill is what happens when the process or the computer of a client goes.
  kill() {
    this.dead = true;
    this.engine.transport.ws.terminate();
  }

  close() {
    for (const s of this.sockets.values()) s.frozen = true;
    if (this.dead) return;
    for (const s of this.sockets.values()) s.io.disconnect?.();
    (this.manager._close ?? this.manager.close).call(this.manager);
  }
}

// ClientSocket writes down what it sees.
export class ClientSocket {
  constructor(client, nsp, options) {
    this.client = client;
    this.nsp = nsp;
    this.actor = client.name + (nsp === "/" ? "" : " in " + nsp);
    this.world = client.world;
    const { query, ...rest } = options;
    this.io = client.eio3 ? client.manager.socket(nsp, { query }) : client.manager.socket(nsp, rest);
    this.listen();
    this.io.connect();
  }

  listen() {
    const io = this.io;
    io.on("connect", () => {
      this.world.ids.set(this.client.engine.id, this.client.name + "'s connection");
      if (io.id !== this.client.engine.id) this.world.ids.set(io.id, this.actor);
      this.write("connect", ...(io.recovered ? ["recovered"] : []));
    });
    io.on("disconnect", reason => this.write("disconnect", reason));
    if (this.client.eio3) {
      io.on("error", e => this.write("connect_error", ...(typeof e === "object" ? [e.message, e] : [e])));
      io.on("connect_error", e => this.write("no connection", e.message));
      const heard = io.onevent;
      io.onevent = packet => {
        this.hear(packet.data ?? []);
        heard.call(io, packet);
      };
    } else {
      io.on("connect_error", e => this.write("connect_error", e.message, ...(e.data === undefined ? [] : [e.data])));
      io.onAny((...event) => this.hear(event));
    }
  }

  hear([name, ...args]) {
    if (name === "~mark") {
      this.marks ??= new Set();
      this.marks.add(args[0]);
      this.world.changed();
      return;
    }
    if (name?.startsWith?.("~")) return; // what a scenario wants to leave out
    this.write("event", name, ...args.filter(a => typeof a !== "function"));
  }

  write(...entry) {
    if (!this.frozen) this.world.write(this.actor, entry.map(v => encode(v)));
  }

  get id() {
    return this.io.id;
  }

  on(event, f) {
    this.io.on(event, f);
    return this;
  }

  emit(...args) {
    this.io.emit(...args);
    return this;
  }

  // ask emits and writes the answer down.
  async ask(event, ...args) {
    const answer = await this.asked(event, ...args);
    this.write("answer to", event, ...answer);
    return answer[0];
  }

  asked(event, ...args) {
    return this.world.promise(`the answer to ${event}`, done => this.io.emit(event, ...args, (...answer) => done(answer)));
  }

  note(...entry) {
    this.write(...entry);
  }

  disconnect() {
    this.io.disconnect();
  }

  // saw waits for an entry of this kind, got for an event of this name; for the nth.
  saw(kind, n = 1) {
    return this.world.saw(this.actor, kind, n);
  }

  got(event, n = 1) {
    return this.world.got(this.actor, event, n);
  }

  // connected waits until the socket is, over the transport that it is to have.
  async connected() {
    const before = this.world.count(this.actor, e => e[0] === "connect");
    await this.world.until(`${this.actor} is connected`, () => this.io.connected || this.world.count(this.actor, e => e[0] === "connect") > before);
    if (this.client.transport.upgraded)
      await this.world.until(`${this.actor} is upgraded`, () => this.client.engine?.transport?.name === "websocket" && !this.client.engine.upgrading);
    return this;
  }
}
