// A world is one Socket.IO server of Node, as one scenario wants it, and the
// interpreter of the steps that record.js has written down.
import { createServer } from "node:http";
import { Server, Socket, Namespace } from "socket.io";
import msgpack from "socket.io-msgpack-parser";
import { decode, encode, inOrder } from "./values.js";

const awaited = new Set(["emitWithAck", "fetchSockets", "serverSideEmitWithAck", "close"]);
const hidden = name => typeof name === "string" && name.startsWith("~");
const nameOf = socket => socket.handshake.query.as ?? "?";
const actorOf = s => `server of ${nameOf(s)}${s.nsp.name === "/" ? "" : " in " + s.nsp.name}`;

export class World {
  constructor({ options = {}, setup, adapter }, note) {
    this.note = note;
    this.vars = new Map();
    this.sockets = new Map(); // the latest one, by client and namespace
    this.watched = new Set();
    this.quiet = options.quiet;
    this.http = createServer((_, response) => response.writeHead(404).end()); // other paths
    this.http.keepAliveTimeout = 0; // a request that comes after its end would fail
    const { quiet, parser, denied, ...rest } = options;
    if (parser === "msgpack") rest.parser = msgpack;
    if (denied) rest.allowRequest = (req, done) => (req.url.includes("denied") ? done("not you", false) : done(null, true));
    if (adapter) rest.adapter = adapter;
    this.io = new Server(this.http, rest);
    this.watch(this.io.of("/"));
    this.run(setup);
  }

  async listen() {
    await new Promise(done => this.http.listen({ port: 0, host: "127.0.0.1", exclusive: true }, done));
    return `http://127.0.0.1:${this.http.address().port}`;
  }

  // ready waits until so many servers know of each other.
  async ready(servers) {
    for (const nsp of this.io._nsps.values()) {
      while ((await nsp.adapter.serverCount()) !== servers) await new Promise(done => setTimeout(done, 2));
    }
  }

  async close() {
    await new Promise(done => {
      this.io.close(() => done());
      this.http.closeAllConnections();
    });
  }

  // watch writes down what happens to the sockets of a namespace.
  watch(nsp) {
    if (this.watched.has(nsp)) return;
    this.watched.add(nsp);
    nsp.on("connection", s => {
      this.sockets.set(nameOf(s) + " " + s.nsp.name, s);
      this.write(s, "connection");
      s.on("disconnecting", reason => this.write(s, "disconnecting", reason, inOrder(s.rooms)));
      s.on("disconnect", reason => this.write(s, "disconnect", reason, inOrder(s.rooms)));
      s.on("~ping", ack => ack());
      // What arrives is a part of its own: Node may see several events before it handles one.
      if (!this.quiet) s.onAny((name, ...args) => hidden(name) || this.note(actorOf(s) + ", arrivals", encode(["event", name, ...args.filter(a => typeof a !== "function")])));
    });
  }

  write(target, ...entry) {
    this.note(target instanceof Socket ? actorOf(target) : "server", encode(entry, special));
  }

  root([kind, ...args]) {
    switch (kind) {
      case "io":
        return this.io;
      case "engine":
        return this.io.engine;
      case "socket": {
        const s = this.sockets.get(args.join(" "));
        if (!s) throw new Error("no socket of " + args.join(" "));
        return s;
      }
    }
    throw new Error("no root " + kind);
  }

  // run runs a program at the top, and returns its result, or the promise of it.
  run(program) {
    return this.body(program, { vars: new Map() });
  }

  body(program, env, from = 0) {
    for (let i = from; i < program.body.length; i++) {
      const { id, target, name, args } = program.body[i];
      const result = this.call(target, name, args, env);
      if (awaited.has(name) && typeof result?.then === "function") {
        return result.then(value => {
          env.vars.set(id, value);
          return this.body(program, env, i + 1);
        });
      }
      env.vars.set(id, result);
    }
    return this.value(program.result, env);
  }

  call(targetExpr, name, argExprs, env) {
    if (targetExpr === null) return this.own(name, argExprs, env);
    const target = this.value(targetExpr, env);
    const args = this.list(argExprs, env);
    switch (name) {
      case "log":
        return this.write(target, ...args);
      case "()":
        return target(...args);
      case "setData":
        target.data = args[0];
        return;
      case "of": {
        const nsp = target.of(...args);
        this.watch(nsp);
        return nsp;
      }
    }
    return target[name](...args);
  }

  own(name, exprs, env) {
    if (name === "fn") return this.value(exprs[0], env);
    const args = this.list(exprs, env);
    switch (name) {
      case "log":
        return this.note("server", encode(args, special));
      case "block":
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, args[0]);
        return;
      case "later":
        setTimeout(args[1], args[0]);
        return;
      case "if":
        return args[0] ? args[1]() : args[2]?.();
      case "each":
        return void [...args[0]].forEach(v => args[1](v));
      case "repeat":
        for (let i = 0; i < args[0]; i++) args[1](i);
        return;
      case "attempt":
        try {
          args[0]();
          return "fine";
        } catch {
          return "throws";
        }
      case "fail":
        throw Object.assign(new Error(args[0]), { meant: true });
      case "pluck":
        return args[0].map(v => v[args[1]]);
      case "header":
        args[0][args[1]] = args[2];
        return;
      case "set":
        this.vars.set(args[0], args[1]);
        return;
    }
    throw new Error("no step " + name);
  }

  list(exprs, env) {
    return exprs.flatMap(e => (e?.$args ? env.args : [this.value(e, env)]));
  }

  value(expr, env) {
    return decode(expr, e => {
      if (e === null || typeof e !== "object") return undefined;
      if (e.$ref) {
        for (let at = env; at; at = at.outer) if (at.vars.has(e.$ref)) return { value: at.vars.get(e.$ref) };
        throw new Error("no value " + e.$ref);
      }
      if (e.$get) return { value: this.property(this.value(e.$get[0], env), e.$get[1]) };
      if (e.$root) return { value: this.root(e.$root) };
      if (e.$fn) return { value: this.handler(e.$fn, env) };
      if (e.$var) return { value: this.vars.get(e.$var) };
      if (e.$args) return { value: env.args };
      if (e.$ack) return { value: env.ack };
      if (e.$error) return { value: Object.assign(new Error(e.$error[0]), { data: this.value(e.$error[1], env) }) };
      if (e.$eq) return { value: this.value(e.$eq[0], env) === this.value(e.$eq[1], env) };
      if (e.$buffer) return { value: this.value(e.$buffer, env) };
      if (e.$regex) return { value: new RegExp(e.$regex) };
      if (e.$func) return { value: () => {} };
      if (e.$cycle) {
        const cycle = {};
        cycle.self = cycle;
        return { value: cycle };
      }
      return undefined;
    });
  }

  property(target, name) {
    const value = target[name];
    if (name === "rooms" || name === "sids") return inOrder(value instanceof Map ? value.keys() : value);
    return value;
  }

  handler(program, outer) {
    return (...values) => {
      if (hidden(values[0])) return;
      if (Array.isArray(values[0]) && hidden(values[0][0])) return values[1]?.(); // a socket's middleware
      const env = { outer, vars: new Map(program.params.map((id, i) => [id, values[i]])) };
      env.ack = typeof values.at(-1) === "function" ? values.at(-1) : undefined;
      env.args = env.ack ? values.slice(0, -1) : values;
      return this.body(program, env);
    };
  }
}

// special shows what belongs to the server.
function special(v) {
  // Node hands out a socket itself where it is its own.
  if (v instanceof Socket || v?.constructor?.name === "RemoteSocket") return { of: nameOf(v), rooms: inOrder(v.rooms), data: encode(v.data, special) };
  if (v instanceof Namespace) return "namespace " + v.name;
  return undefined;
}

export const shown = value => encode(value, special);
