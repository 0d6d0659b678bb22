// Many socket.io-client sockets in one process, driven over its standard input.
// A socket goes by the name the driver gives it.
import { io } from "socket.io-client";
import { Conditions } from "./conditions.js";
import { say, serve } from "./control.js";

const ATTEMPTS = 4;
const ATTEMPT_TIME = 3000; // ms

const clients = new Map(); // name -> Client

class Client extends Conditions {
  constructor({ url, nsp = "/", transports = ["websocket"], auth, query, withCredentials }) {
    super();
    this.received = []; // [event, …args]
    this.counts = new Map(); // event -> how many were received
    this.answers = new Map(); // event -> arguments of its acknowledgement
    this.socket = io(url + nsp, { transports, auth, query, withCredentials, forceNew: true, reconnection: false, autoConnect: false });
    this.socket.onAny((event, ...args) => this.take(event, args));
    this.socket.on("connect", () => this.changed());
    this.socket.on("connect_error", (error) => {
      this.failure = error;
      this.changed();
    });
    this.socket.on("disconnect", (reason) => {
      this.reason = reason;
      this.changed();
    });
    this.socket.connect();
  }

  take(event, args) {
    const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    this.received.push([event, ...args]);
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
    if (answer !== undefined && this.answers.has(event)) answer(...this.answers.get(event));
    this.changed();
  }

  of(event) {
    return this.received.filter(([name]) => name === event);
  }

  reaches({ event, count, within }) {
    return this.until(() => (this.counts.get(event) ?? 0) >= count, within);
  }
}

function client({ name }) {
  const found = clients.get(name);
  if (found === undefined) throw new Error(`no client ${name}`);
  return found;
}

serve(
  {
    // connect resolves to the socket's id. It tries again: Go's Socket.IO library
    // may not see a CONNECT that comes right behind the opening of its connection.
    async connect(request) {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const made = new Client(request);
        clients.set(request.name, made);
        if (await made.until(() => made.socket.connected || made.failure, ATTEMPT_TIME)) {
          if (made.failure) throw new Error(`${request.name}: ${made.failure.message}`);
          return made.socket.id;
        }
        made.socket.disconnect();
        process.stderr.write(`${request.name}: attempt ${attempt} to connect to ${request.url} stalled\n`);
      }
      throw new Error(`${request.name}: cannot connect to ${request.url}`);
    },
    disconnect: (request) => void client(request).socket.disconnect(),
    forget(request) {
      clients.get(request.name)?.socket.disconnect();
      clients.delete(request.name);
    },
    // answer says how an event is acknowledged from now on; events without are not.
    answer: (request) => void client(request).answers.set(request.event, request.args),
    emit: (request) => void client(request).socket.emit(...request.args),
    // call emits and resolves to the arguments of the acknowledgement.
    call: (request) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${request.name}: no acknowledgement in ${request.within} ms`)), request.within);
        client(request).socket.emit(...request.args, (...answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
      }),
    // has resolves to whether there are so many such events, in time; wait to the
    // arguments of all of them.
    has: (request) => client(request).reaches(request),
    async wait(request) {
      await client(request).reaches(request);
      return client(request).of(request.event).map(([, ...args]) => args);
    },
    received: (request) => client(request).received.slice(request.from),
    async gone(request) {
      const leaving = client(request);
      await leaving.until(() => leaving.reason !== undefined, request.within);
      return leaving.reason;
    },
  },
  () => process.exit(0),
);
say({ ready: true });
