// What scenarios are made of: see scenarios/ for how they look.
import { setTimeout as after } from "node:timers/promises";
import { Client, ClientSocket, transports } from "./client.js";
import { Raw } from "./raw.js";
import { slow } from "./jitter.js";
import { record, root } from "./record.js";
import { decode, encode, show } from "./values.js";
export { $ } from "./record.js";

const patience = 60_000; // milliseconds, for what must happen

export const scenarios = new Map();

const usual = ["websocket", "polling", "upgrade", "eio3-websocket", "msgpack-websocket"];

// scenario declares one. Its options are
//   transports  a list, or others: what is added to the usual ones or, with "-", taken away
//   servers     3: Node has three servers too. By default its one is compared with our one,
//               and with our three, on which the clients are spread.
//               1: servers do not matter
//   options     of the Socket.IO server
//   usualTimes  timeouts that are not among them are the usual ones, not longer
//   opened      each server has had a request before
//   setup       io => …: what each server does before anybody connects
export function scenario(name, options, play) {
  if (scenarios.has(name)) throw new Error("two scenarios are called " + name);
  let list = usual;
  if (Array.isArray(options.transports)) list = options.transports;
  else if (options.transports)
    for (const t of options.transports.split(" ")) list = t[0] === "-" ? list.filter(l => !l.startsWith(t.slice(1))) : [...list, t];
  for (const t of list) if (!transports[t]) throw new Error("no transport " + t);
  scenarios.set(name, { name, play, ...options, transports: list });
}

let worlds = 0;

// perform plays a scenario on servers of one process, and returns the transcript.
export async function perform(process, { name, play, options = {}, usualTimes, setup, opened }, transport, servers) {
  const stage = new Stage(process, `${++worlds} ${name}`, transport, servers);
  // A busy machine is slow, not wrong: no client is given up that the scenario does not
  // have given up.
  const all = usualTimes ? {} : { pingTimeout: 2 * patience, upgradeTimeout: 2 * patience, connectTimeout: 2 * patience };
  Object.assign(all, options);
  if (transport.startsWith("eio3")) all.allowEIO3 = true;
  if (transport.startsWith("msgpack")) all.parser = "msgpack";
  let failure;
  try {
    await stage.open({ options: all, setup: record(() => setup?.(root("io"))) });
    if (opened) await stage.first();
    await Promise.race([play(stage), after(2 * patience).then(() => Promise.reject(new Error("the scenario takes too long")))]);
  } catch (e) {
    failure = e;
  }
  return stage.end(failure);
}

// Stage is a scenario under way.
class Stage {
  constructor(process, world, transport, servers) {
    this.process = process;
    this.world = world;
    this.transport = transport;
    this.servers = servers;
    this.log = new Map(); // by actor
    this.ids = new Map(); // of connections, by what they are
    this.clients = [];
    this.waiting = new Set();
    this.places = new Map();
    this.marks = 0;
  }

  get eio3() {
    return this.transport.startsWith("eio3");
  }

  async open(world) {
    const urls = await this.process.open(this.world, this.servers, world, (actor, entry) => this.write(actor, entry));
    this.networks = await Promise.all(urls.map(slow));
    this.urls = this.networks.map(n => n.url);
  }

  // first is the first request of each server: a session that ends at once.
  async first() {
    for (const url of this.urls) {
      const r = new Raw(this, "first", url);
      r.quiet = true;
      await r.get();
      await r.post("1");
    }
    this.ids.clear();
  }

  write(actor, entry) {
    if (!this.log.has(actor)) this.log.set(actor, []);
    this.log.get(actor).push(entry);
    this.changed();
  }

  // note adds to a part of the transcript that belongs to nobody else.
  note(...entry) {
    this.write("scenario", entry.map(v => encode(v)));
  }

  changed() {
    for (const check of this.waiting) check();
  }

  // until waits for a condition, which is looked at whenever something has happened.
  async until(what, condition, ms = patience) {
    if (condition()) return;
    await new Promise((resolve, reject) => {
      const check = () => {
        if (condition()) finish(resolve);
      };
      const finish = f => {
        this.waiting.delete(check);
        clearTimeout(timer);
        clearInterval(again);
        f();
      };
      const timer = setTimeout(() => finish(() => reject(new Error("in vain: " + what))), ms);
      const again = setInterval(check, 5); // for what nobody tells of
      this.waiting.add(check);
    });
  }

  // promise waits for a callback.
  async promise(what, begin) {
    let value;
    begin(v => {
      value = { v };
      this.changed();
    });
    await this.until(what, () => value);
    return value.v;
  }

  count(actor, is) {
    return (this.log.get(actor) ?? []).filter(is).length;
  }

  saw(actor, kind, n = 1) {
    return this.until(`${actor}: ${kind} (${n})`, () => this.count(actor, e => e[0] === kind) >= n);
  }

  got(actor, event, n = 1) {
    return this.until(`${actor}: event ${event} (${n})`, () => this.count(actor, e => e[0] === "event" && e[1] === event) >= n);
  }

  // served waits for an entry of the server's side of a client's socket.
  served(socket, kind, n = 1) {
    return this.saw(`server of ${socket.actor}`, kind, n);
  }

  heard(socket, event, n = 1) {
    return this.got(`server of ${socket.actor}, arrivals`, event, n);
  }

  // noted waits for something that a server has logged.
  noted(kind, n = 1) {
    return this.saw("server", kind, n);
  }

  // place is the server on which a client is.
  place(name) {
    if (!this.places.has(name)) this.places.set(name, this.places.size % this.servers);
    return this.places.get(name);
  }

  url(name) {
    return this.urls[this.place(name)];
  }

  // client opens a connection without waiting for it.
  client(name, options, transport = this.transport) {
    const c = new Client(this, name, this.url(name), transport, options);
    this.clients.push(c);
    return c;
  }

  // raw is a client without a library.
  raw(name) {
    return new Raw(this, name, this.url(name));
  }

  // connect connects clients, one after the other, and returns their sockets.
  async connect(...names) {
    const sockets = [];
    for (const name of names) sockets.push(await this.client(name).of("/").connected());
    for (const s of sockets) await this.known(s);
    return sockets;
  }

  // known waits until the server has all of a client's connecting behind it.
  async known(socket) {
    await this.served(socket, "connection");
    if (socket.client.transport.upgraded) while ((await this.at(socket, s => s.conn.transport.name)) !== "websocket") await after(1);
  }

  // writable waits until the server can send to a client at once: a poll is there, and
  // what was written before is out.
  async writable(socket) {
    while (!(await this.at(socket, s => s.conn.transport.writable))) await after(1);
  }

  // io runs a step on a server: the first one unless at says which.
  async io(step, at = 0) {
    const program = record(() => step(root("io")));
    return decode(await this.process.run(this.world, this.servers, at % this.servers, program));
  }

  // at runs a step with the server's socket of a client.
  async at(socket, step) {
    const program = record(() => step(root("socket", socket.client.name, socket.nsp)));
    return decode(await this.process.run(this.world, this.servers, this.place(socket.client.name), program));
  }

  // failure is what a step fails with.
  async failure(promise) {
    try {
      return await promise;
    } catch (e) {
      if (!e.fromServer) throw e;
      return Object.assign(new Error(e.message), { data: decode(e.responses) });
    }
  }

  // settle waits until whatever the servers have sent before has arrived everywhere, and
  // what the clients have sent has been handled.
  async settle() {
    const sockets = this.clients.filter(c => !c.dead).flatMap(c => [...c.sockets.values()]).filter(s => s.io.connected && !s.frozen);
    const heard = new Set();
    for (const s of sockets) s.io.emit("~ping", () => (heard.add(s), this.changed()));
    await Promise.all(sockets.map(s => this.until(`${s.actor} is heard`, () => heard.has(s) || !s.io.connected)));
    // Whatever a server has logged before is here when it has answered.
    for (let at = 0; at < this.servers; at++) await this.io(() => {}, at);
    for (const nsp of new Set(sockets.map(s => s.nsp))) {
      const here = sockets.filter(s => s.nsp === nsp);
      for (let at = 0; at < this.servers; at++) {
        const mark = ++this.marks;
        await this.io(io => io.of(nsp).emit("~mark", mark), at);
        await this.until(`all have heard server ${at}`, () => here.every(s => !s.io.connected || s.marks?.has(mark)));
      }
    }
  }

  // parted waits until the server knows that the clients who are gone are.
  async parted() {
    const count = (s, kind) => this.count(`server of ${s.actor}`, e => e[0] === kind);
    const gone = this.clients.flatMap(c => [...c.sockets.values()]).filter(s => !s.io.connected || s.client.dead);
    await Promise.all(gone.map(s => this.until(`the end of ${s.actor}`, () => count(s, "connection") === count(s, "disconnect"))));
  }

  // end closes everything, and returns the transcript. What is written while all is
  // closed counts only where a socket was gone already.
  async end(failure) {
    if (!failure)
      try {
        await this.settle();
        await this.parted();
      } catch (e) {
        failure = e;
      }
    const lengths = new Map();
    for (const [actor, entries] of this.log) {
      const gone = actor.startsWith("server of ") && entries.some(e => e[0] === "disconnect") && entries.findLastIndex(e => e[0] === "connection") < entries.findLastIndex(e => e[0] === "disconnect");
      lengths.set(actor, gone ? Infinity : entries.length);
    }
    for (const c of this.clients) c.close();
    for (const f of this.cleanups ?? []) f();
    let closing;
    await Promise.race([
      this.process.close(this.world, this.servers).catch(e => (closing = e)),
      after(patience).then(() => (closing = new Error("the servers do not close"))),
    ]);
    for (const n of this.networks ?? []) n.stop();
    const transcript = {};
    for (const [actor, entries] of this.log) transcript[actor] = entries.slice(0, lengths.get(actor) ?? 0).map(e => this.line(e));
    if (failure ?? closing) transcript["went wrong"] = [(failure ?? closing).stack.split("\n").slice(0, 6).join("\n")];
    return transcript;
  }

  // cleanup has f called at the end.
  cleanup(f) {
    (this.cleanups ??= []).push(f);
  }

  // line is how the transcript shows an entry: without what is different each time.
  line([kind, ...values]) {
    let text = [kind, ...values.map(v => show(decode(v)))].join(" ");
    for (const [id, what] of this.ids) text = text.replaceAll(id, `<id of ${what}>`);
    return text.replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>");
  }
}

export { ClientSocket };
