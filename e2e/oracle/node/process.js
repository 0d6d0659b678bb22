// A process with servers, ours or Node's, as the driver sees it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { late } from "./jitter.js";

const patience = 60_000; // milliseconds

export class ServerProcess {
  constructor(command, args, parts) {
    this.parts = parts; // one request per server of a world, or one for all
    this.pending = new Map();
    this.worlds = new Map(); // what hears of a world's log
    this.last = 0;
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.child.on("exit", code => {
      for (const { reject } of this.pending.values()) reject(new Error(`the servers have ended: ${code}`));
      this.pending.clear();
    });
    this.send = late(request => this.child.stdin.write(JSON.stringify(request) + "\n"));
    createInterface({ input: this.child.stdout }).on("line", late(line => this.hear(JSON.parse(line))));
  }

  hear({ id, log, value, error, responses }) {
    if (log) {
      const [world, actor, entry] = log;
      this.worlds.get(world)?.(actor, entry);
      return;
    }
    const waiting = this.pending.get(id);
    if (!waiting) return; // too late
    this.pending.delete(id);
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(Object.assign(new Error(error), { responses, fromServer: true }));
  }

  ask(request) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the servers do not answer: ${JSON.stringify(request).slice(0, 300)}`)), patience);
      const settle = f => v => (clearTimeout(timer), f(v));
      this.pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.send({ id, ...request });
    });
  }

  // The servers of Node are in processes of their own where there are several.
  each(servers, request) {
    if (!this.parts) return this.ask({ servers, ...request });
    if (servers === 1) return this.ask({ servers, ...request }).then(v => (request.op === "open" ? [v] : v));
    return Promise.all(Array.from({ length: servers }, (_, server) => this.ask({ servers, server, ...request })));
  }

  async open(world, servers, { options, setup }, hear) {
    this.worlds.set(world, hear);
    const urls = await this.each(servers, { op: "open", world, options, setup });
    await this.each(servers, { op: "ready", world });
    return urls;
  }

  run(world, servers, server, program) {
    const request = { op: "run", world, program };
    if (!this.parts || servers > 1) request.server = server;
    return this.ask(request);
  }

  async close(world, servers) {
    await this.each(servers, { op: "close", world });
    this.worlds.delete(world);
  }
}
