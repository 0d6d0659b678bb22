// A crowd of socket.io-client sockets behind a balancer, which connect again by
// themselves. Servers emit "tick" with their id and a number; each client checks that it
// misses none while it is connected.
import { Manager } from "socket.io-client";
import { say, serve } from "./control.js";

const members = [];
const waiting = new Set(); // functions to call when something changes

class Member {
  constructor({ url, number, transports, reconnectionDelay }) {
    this.streams = new Map(); // server -> the last number, of this connection
    this.ticks = 0;
    this.missed = []; // what should not be
    this.reasons = []; // of its disconnects
    this.attempts = []; // how many each reconnection took
    this.away = []; // ms from each disconnect to the next connect
    this.late = []; // how much of that was beyond the delay that the client itself chose
    this.manager = new Manager(url, {
      transports,
      query: { member: number },
      reconnectionDelay,
      reconnectionDelayMax: 10 * reconnectionDelay,
    });
    const { backoff } = this.manager;
    const duration = backoff.duration.bind(backoff);
    backoff.duration = () => {
      const delay = duration();
      this.chosen += delay;
      return delay;
    };
    this.socket = this.manager.socket("/");
    this.socket.on("connect", () => {
      if (this.left !== undefined) {
        const away = Date.now() - this.left;
        this.away.push(away);
        this.late.push(away - this.chosen);
      }
      this.left = undefined;
      changed();
    });
    this.socket.on("disconnect", (reason) => {
      this.left = Date.now();
      this.chosen = 0; // it chooses right after this event
      this.streams.clear(); // not when it connects: events may come before that is told
      this.reasons.push(reason);
      changed();
    });
    this.manager.on("reconnect", (attempts) => this.attempts.push(attempts));
    this.socket.on("tick", (server, n) => {
      const last = this.streams.get(server);
      if (last !== undefined && n !== last + 1) this.missed.push([server, last, n]);
      this.streams.set(server, n);
      this.ticks++;
    });
  }
}

function changed() {
  for (const check of waiting) check();
}

serve(
  {
    connect(request) {
      for (let i = 0; i < request.count; i++) members.push(new Member({ ...request, number: members.length }));
    },
    // settled resolves when each of the clients is connected.
    settled: (request) => all(request.within),
    // stalled is for how many ms this process has not run at most, because the machine is busy.
    stalled: () => stalled,
    report: () =>
      members.map(({ ticks, missed, reasons, attempts, away, late, streams }) => ({
        ticks,
        missed: missed.slice(0, 5),
        reasons,
        attempts,
        away,
        late,
        streams: streams.size,
      })),
  },
  () => process.exit(0),
);

let stalled = 0;
let last = Date.now();
setInterval(() => {
  const now = Date.now();
  stalled = Math.max(stalled, now - last - 20);
  last = now;
}, 20);

function all(timeout) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(check);
    };
    const check = () => {
      if (!members.every(({ socket }) => socket.connected)) return;
      end();
      resolve();
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`${members.filter(({ socket }) => !socket.connected).length} clients are not connected after ${timeout} ms`));
    }, timeout);
    waiting.add(check);
    check();
  });
}
say({ ready: true });
