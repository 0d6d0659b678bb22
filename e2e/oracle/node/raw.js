// A client without a library, for what no good client does.
import http from "node:http";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { encode } from "./values.js";

const patience = 60_000; // milliseconds

export class Raw {
  constructor(world, name, url) {
    this.world = world;
    this.actor = name;
    this.client = { name, transport: {} }; // as Stage knows its sockets
    this.nsp = "/";
    this.url = url;
    this.world.cleanup(() => this.ws?.terminate());
    this.world.cleanup(() => this.agent.destroy());
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  }

  write(...entry) {
    if (!this.quiet) this.world.write(this.actor, entry.map(v => encode(v)));
  }

  // read takes ids out of what the server says, and shows JSON in a form of its own: the
  // order of members says nothing.
  read(text) {
    const [, head, json] = /^([0-9]+[^[{]*)([[{].*)$/s.exec(text) ?? [];
    if (!json) return [text];
    let value;
    try {
      value = JSON.parse(json);
    } catch {
      return [text];
    }
    if (value?.sid) {
      if (head === "0") this.sid = value.sid;
      if (value.pid) this.world.ids.set(value.pid, "the session of " + this.actor);
      this.world.ids.set(value.sid, head === "0" ? this.actor + "'s connection" : this.actor);
    }
    return [head, value];
  }

  path(query) {
    return `/socket.io/?as=${encodeURIComponent(this.actor)}&${query}`;
  }

  // dial opens a WebSocket, and waits for the first frame if a session begins with it;
  // or is refused. heard gets the headers of the answer before any frame is read.
  async dial(query = "EIO=4&transport=websocket", { heard = () => {}, ...options } = {}) {
    this.ws = new WebSocket(this.url.replace("http", "ws") + this.path(query), { perMessageDeflate: false, ...options });
    this.ws.on("message", (data, binary) => {
      if (!binary && String(data) === "2") return; // pings come as time goes by
      this.write("frame", ...(binary ? [data] : this.read(String(data))));
    });
    this.ws.on("close", (code, reason) => this.write("closed", code, String(reason)));
    this.ws.on("error", () => {});
    this.ws.on("upgrade", response => heard((this.upgradeHeaders = response.headers)));
    await this.world.promise(`${this.actor} is let in or refused`, done => {
      if (query.includes("sid=")) this.ws.on("open", done);
      else this.ws.once("message", done);
      this.ws.on("close", done);
      this.ws.on("unexpected-response", (_, response) => {
        let body = "";
        response.on("data", d => (body += d));
        response.on("end", () => {
          this.write("refused", response.statusCode, body);
          done();
        });
      });
    });
    return this;
  }

  send(...frames) {
    for (const f of frames) this.ws.send(f);
  }

  // gone waits until a WebSocket is closed, or was not let in.
  gone() {
    return this.world.until(`${this.actor} is gone`, () => this.world.count(this.actor, e => e[0] === "closed" || e[0] === "refused"));
  }

  get open() {
    return this.ws.readyState === WebSocket.OPEN;
  }

  saw(kind, n) {
    return this.world.saw(this.actor, kind, n);
  }

  // frame waits for the nth frame, or the one that begins so.
  frame(n) {
    if (typeof n === "number") return this.saw("frame", n);
    return this.world.until(`${this.actor}: frame ${n}`, () => this.world.count(this.actor, e => e[0] === "frame" && String(e[1]).startsWith(n)));
  }

  // request sends an HTTP request, and writes down the status and the body, and of the
  // headers those that are asked for.
  request(method, query, { body, headers, show = [], path, quiet } = {}) {
    const given = query.includes("sid=") || !this.sid || query.includes("fresh") ? query : `${query}&sid=${this.sid}`;
    return new Promise(resolve => {
      const r = http.request(this.url + (path ?? this.path(given)), { method, headers, agent: this.agent }, response => {
        const chunks = [];
        response.on("data", d => chunks.push(d));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const answer = { status: response.statusCode, body: text, headers: response.headers };
          // The packets of a payload, if it is one.
          const parts = split(text).flatMap(p => this.read(p));
          if (!quiet) this.write(method, response.statusCode, ...parts, ...show.map(h => [h, response.headers[h]]));
          this.world.changed();
          resolve(answer);
        });
        response.on("error", () => resolve({}));
      });
      r.on("error", e => {
        if (!quiet) this.write(method, "fails");
        resolve({ error: e });
      });
      r.setTimeout(patience, () => r.destroy(new Error("no answer")));
      r.end(body);
      this.last = r;
    });
  }

  get(query = "EIO=4&transport=polling", options) {
    return this.request("GET", query, options);
  }

  // polls until some text has come, and writes all packets down as one answer: how they
  // share the answers is a matter of time.
  async polls(text, query = "EIO=4&transport=polling") {
    const packets = [];
    for (let body = ""; !body.includes(text); ) {
      const answer = await this.request("GET", query, { quiet: true });
      body = answer.body ?? "";
      packets.push(...split(body).flatMap(p => this.read(p)));
      if (answer.status !== 200) break;
    }
    this.write("polled", ...packets);
  }

  post(body, query = "EIO=4&transport=polling", options = {}) {
    return this.request("POST", query, { body, headers: { "content-type": "text/plain;charset=UTF-8" }, ...options });
  }

  // write to the port, and get all that comes until the server closes.
  bytes(data) {
    return new Promise(resolve => {
      const { hostname, port } = new URL(this.url);
      const socket = connect(Number(port), hostname, () => socket.write(data));
      const chunks = [];
      socket.on("data", d => chunks.push(d));
      socket.on("error", () => {});
      socket.on("close", () => resolve(Buffer.concat(chunks)));
      this.world.cleanup(() => socket.destroy());
    });
  }
}

// split takes a payload of either version apart.
function split(text) {
  if (!/^\d+:/.test(text)) return text.split("\x1e");
  const packets = [];
  for (let rest = text; rest; ) {
    const [head, length] = /^(\d+):/.exec(rest) ?? [rest, rest.length];
    packets.push(rest.slice(head.length, head.length + Number(length)));
    rest = rest.slice(head.length + Number(length));
  }
  return packets;
}
