// The server of Node: worlds with one server each, and with one in each of three
// workers, which are steered over standard input.
import cluster from "node:cluster";
import { createInterface } from "node:readline";
import { NodeClusterAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { shown, World } from "./world.js";

const workers = 3;
const worlds = new Map();

// The workers have one channel, on which each world hears only itself.
class Adapter extends NodeClusterAdapter {
  doPublish(message) {
    return super.doPublish({ ...message, world: this.world });
  }
  doPublishResponse(to, response) {
    return super.doPublishResponse(to, { ...response, world: this.world });
  }
  onMessage(message) {
    if (message.world === this.world) super.onMessage(message);
  }
}
// The constructor sends already.
const adapterOf = world =>
  class extends Adapter {
    get world() {
      return world;
    }
  };

async function perform({ op, world: name, ...request }, note) {
  const world = worlds.get(name);
  switch (op) {
    case "open": {
      const opened = new World(
        { ...request, adapter: cluster.isWorker ? adapterOf(name) : undefined },
        (actor, entry) => note([name, actor, entry]),
      );
      worlds.set(name, opened);
      return opened.listen();
    }
    case "ready":
      return world.ready(request.servers);
    case "run":
      return shown(await world.run(request.program));
    case "close":
      worlds.delete(name);
      return world.close();
  }
  throw new Error("no operation " + op);
}

async function answer(request, send) {
  try {
    const value = await perform(request, log => send({ log }));
    send({ id: request.id, value });
  } catch (e) {
    send({ id: request.id, error: e.message, responses: shown(e.responses), stack: e.stack });
  }
}

process.setMaxListeners(0);
process.on("uncaughtException", e => e.meant || console.error("uncaught:", e.stack));

if (cluster.isWorker) {
  process.on("message", m => m.op && answer(m, reply => process.send(reply)));
  process.send({ listening: true });
} else {
  const say = reply => process.stdout.write(JSON.stringify(reply) + "\n");
  setupPrimary();
  const forked = [];
  for (let i = 0; i < workers; i++) {
    const worker = cluster.fork();
    worker.on("message", m => (m.id || m.log) && say(m));
    forked.push(worker);
  }
  // What is sent to a worker before it listens is lost.
  await Promise.all(forked.map(w => new Promise(done => w.on("message", m => m.listening && done()))));
  createInterface({ input: process.stdin })
    .on("line", line => {
      const request = JSON.parse(line);
      if (request.server === undefined) answer(request, say);
      else forked[request.server].send(request);
    })
    .on("close", () => process.exit(0));
}
