// One Socket.IO server for mesh bench; with --adapter cluster, as many as
// --servers says, as workers of this process.
//
// It prints "listening URL" for each, answers the benchmark's three events, and
// ends when its standard input does.

import cluster from "node:cluster";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter as createClusterAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { createAdapter as createRedisAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values: options } = parseArgs({
  options: {
    adapter: { type: "string", default: "memory" },
    redis: { type: "string", default: "redis://127.0.0.1:6379" },
    servers: { type: "string", default: "1" },
  },
});

// adapter makes what joins this server to others; undefined for none.
async function adapter() {
  switch (options.adapter) {
    case "memory":
      return undefined;
    case "cluster":
      return createClusterAdapter();
    case "redis": {
      const publisher = createClient({ url: options.redis });
      const subscriber = publisher.duplicate();
      await Promise.all([publisher.connect(), subscriber.connect()]);
      return createRedisAdapter(publisher, subscriber);
    }
    default:
      throw new Error(`--adapter ${options.adapter}: want memory, cluster or redis`);
  }
}

function answer(io, socket) {
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack?.();
  });
  socket.on("pub", (room, payload) => {
    io.to(room).emit("msg", payload);
  });
  socket.on("fetch", async (ack) => {
    try {
      ack((await io.fetchSockets()).length);
    } catch (error) {
      console.error(error);
      ack(-1);
    }
  });
}

async function serve() {
  const http = createServer();
  const io = new Server(http, { adapter: await adapter() });
  io.on("connection", (socket) => answer(io, socket));
  // exclusive: workers of a cluster would otherwise share one port.
  http.listen({ host: "127.0.0.1", port: 0, exclusive: true }, () => {
    console.log(`listening http://127.0.0.1:${http.address().port}`);
  });
}

function startWorkers() {
  setupPrimary();
  for (let i = 0; i < Number(options.servers); i++) {
    cluster.fork();
  }
  cluster.on("exit", (worker, code) => {
    console.error(`worker ${worker.process.pid} ended with code ${code}`);
    process.exit(1);
  });
}

if (cluster.isPrimary) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}
if (options.adapter === "cluster" && cluster.isPrimary) {
  startWorkers();
} else {
  await serve();
}
