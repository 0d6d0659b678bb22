// socket.io-client of both generations, driven over the standard input. A client
// writes down what its application sees, and what happens to its engine: the
// transcript that the tests compare.
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-2";
import { Conditions } from "../../node/conditions.js";
import { say, serve } from "../../node/control.js";
import { show } from "./show.js";

const ATTEMPTS = 4;
const ATTEMPT_TIME = 3000; // ms

const libraries = { 4: io4, 2: io2 };
const clients = new Map(); // name -> Client

class Client extends Conditions {
  constructor(version, socket) {
    super();
    this.version = version;
    this.socket = socket;
    this.journal = []; // what the application sees
    this.engine = []; // what the engine does
    this.counts = new Map(); // event -> how many were received
    this.answers = new Map(); // event -> arguments of its acknowledgement
    this.series = new Map(); // event, counted and not written down -> what is wrong with its order
    this.listen();
  }

  listen() {
    const { socket } = this;
    if (this.version === 4) socket.onAny((...event) => this.take(event));
    else this.listenToAll(socket);
    socket.on("connect", () => this.note(socket.recovered ? "connect recovered" : "connect"));
    socket.on("disconnect", (reason) => this.note(`disconnect ${reason}`));
    socket.on("connect_error", (error) => this.note(`connect_error ${describe(error)}`));
    if (this.version === 2) socket.on("error", (error) => this.note(`error ${show(error)}`));
  }

  // listenToAll is what version 2 has no method for.
  listenToAll(socket) {
    socket.onevent = ({ data, id }) => {
      const event = [...data];
      if (id !== undefined && id !== null) event.push(socket.ack(id));
      this.take(event);
    };
  }

  // open connects, and resolves to whether that has worked. What the engine of a
  // client does is written down once, by the socket that opens it.
  async open({ greeted, refused }) {
    this.socket.connect();
    const { engine } = this.socket.io;
    if (!engine.watched) {
      engine.watched = true;
      watch(engine, (line) => this.engine.push(line));
      for (const event of ["open", "upgrade", "close", "packet"]) engine.on(event, () => this.changed());
    }
    if (refused) return this.until(() => this.has("connect_error") || this.has("error"), ATTEMPT_TIME);
    return this.until(() => this.has("connect") && (!greeted || this.counts.has("ready")), ATTEMPT_TIME);
  }

  has(line) {
    return this.journal.some((each) => each === line || each.startsWith(line + " "));
  }

  take([event, ...args]) {
    const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
    if (this.series.has(event)) this.follow(event, args[0]);
    else if (event !== "ready") this.journal.push(["event", event, ...args.map(show)].join(" "));
    if (answer !== undefined && this.answers.has(event)) answer(...this.answers.get(event));
    this.changed();
  }

  // follow checks that the numbers of a series come one after the other.
  follow(event, number) {
    const expected = this.counts.get(event) - 1;
    if (number !== expected && this.series.get(event) === "") this.series.set(event, `, but ${number} came in place of ${expected}`);
  }

  note(line) {
    this.journal.push(line);
    this.changed();
  }

  // flagged is the socket with the modifiers of the next emit.
  flagged({ volatile, compress, timeout }) {
    let { socket } = this;
    if (volatile) socket = socket.volatile;
    if (compress !== undefined) socket = socket.compress(compress);
    if (timeout !== undefined) socket = socket.timeout(timeout);
    return socket;
  }
}

function describe(error) {
  const parts = [error.message];
  if (error.data !== undefined) parts.push(show(error.data));
  if (typeof error.description === "number") parts.push(`(${error.description})`);
  return parts.join(" ");
}

// watch writes down what an engine does.
function watch(engine, note) {
  engine.on("open", () => note(`open ${engine.transport.name}`));
  engine.on("upgrade", (transport) => note(`upgrade ${transport.name}`));
  engine.on("close", (reason, details) => note(["close", reason, ...closeCode(details)].join(" ")));
}

function closeCode(details) {
  const code = details?.context?.code ?? details?.code;
  return typeof code === "number" ? [code] : [];
}

function client({ name }) {
  const found = clients.get(name);
  if (found === undefined) throw new Error(`no client ${name}`);
  return found;
}

function forget({ name }) {
  clients.get(name)?.socket.disconnect();
  clients.delete(name);
}

serve(
  {
    // connect resolves to the number of attempts it took. Several may be needed
    // where the server does not see a CONNECT that comes right behind the opening
    // of its connection.
    async connect(request) {
      const { url, version, nsp, options } = request;
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const made = new Client(version, libraries[version](url + nsp, { forceNew: true, reconnection: false, autoConnect: false, timeout: 20_000, ...options }));
        clients.set(request.name, made);
        for (const event of request.series ?? []) made.series.set(event, "");
        if (await made.open(request)) return attempt;
        process.stderr.write(`${request.name}: attempt ${attempt} stalled: ${JSON.stringify([made.journal, made.engine])}\n`);
        made.socket.io.reconnection(false);
        made.socket.disconnect();
        if (made.has("connect_error")) break;
      }
      throw new Error(`${request.name}: cannot connect to ${url}${nsp}: ${client(request).journal.join("; ")}`);
    },
    // join opens another namespace on the connection of a client.
    async join(request) {
      const { version, socket } = client({ name: request.of });
      const made = new Client(version, socket.io.socket(request.nsp, request.options));
      clients.set(request.name, made);
      if (!(await made.open(request))) throw new Error(`${request.name}: cannot connect to ${request.nsp}`);
    },
    // again connects a socket that was disconnected.
    async again(request) {
      const one = client(request);
      const before = one.journal.length;
      one.socket.connect();
      const { engine } = one.socket.io;
      watch(engine, (line) => one.engine.push(line));
      await one.until(() => one.journal.slice(before).some((line) => line.startsWith("connect")), request.within);
    },
    disconnect: (request) => void client(request).socket.disconnect(),
    // drop closes the connection under the client.
    drop: (request) => void client(request).socket.io.engine.close(),
    forget,
    answer: (request) => void client(request).answers.set(request.event, request.args),
    // tally writes down what has come of a series of numbers.
    tally(request) {
      const one = client(request);
      one.note(`${one.counts.get(request.event) ?? 0} ${request.event} in order${one.series.get(request.event)}`);
    },
    emit: (request) => void client(request).flagged(request).emit(...request.args),
    burst({ name, event, count }) {
      const { socket } = client({ name });
      for (let i = 0; i < count; i++) socket.emit(event, i);
    },
    // call emits, and writes the acknowledgement down.
    call: (request) =>
      new Promise((resolve, reject) => {
        const one = client(request);
        const timer = setTimeout(() => reject(new Error(`${request.name}: no acknowledgement of ${request.args[0]} in ${request.within} ms`)), request.within);
        one.flagged(request).emit(...request.args, (...answer) => {
          clearTimeout(timer);
          one.note(["ack", request.args[0], ...answer.map((value) => (value instanceof Error ? `error: ${value.message}` : show(value)))].join(" "));
          resolve();
        });
      }),
    // has resolves to whether there are so many such events, in time.
    has: (request) => client(request).until(() => (client(request).counts.get(request.event) ?? 0) >= request.count, request.within),
    // sees resolves to whether such a line is written down, in time.
    sees: (request) => client(request).until(() => client(request).has(request.line), request.within),
    feels: (request) => client(request).until(() => client(request).engine.some((line) => line.startsWith(request.line)), request.within),
    journal: (request) => client(request).journal,
    engine: (request) => client(request).engine,
  },
  () => process.exit(0),
);
say({ ready: true });
