// The discovery service (docs/reference-protocol.md, section 2), as a process that can be told to lie:
//
//   node discovery.js '{"port": 8000, "token": "…"}'
//
// Operations: roster() -> the true one; announce(servers) sends a roster to all
// registered nodes, and tells the truth again with the next change.
import { decode } from "@msgpack/msgpack";
import { WebSocketServer } from "ws";
import { say, serve } from "./control.js";
import { update } from "./frames.js";

const PING_INTERVAL = 15_000;

const options = JSON.parse(process.argv[2] ?? "{}");
const owners = new Map(); // serverId -> {ws, address}, in the order of registration
const server = new WebSocketServer({ host: "127.0.0.1", port: options.port ?? 0, perMessageDeflate: false });

function roster() {
  return [...owners].map(([serverId, { address }]) => ({ serverId, address }));
}

function announce(servers) {
  const bytes = update(servers);
  for (const ws of new Set([...owners.values()].map((owner) => owner.ws))) ws.send(bytes);
}

server.on("connection", (ws) => {
  let alive = true;
  ws.on("error", () => {});
  ws.on("pong", () => (alive = true));
  const timer = setInterval(() => {
    if (!alive) return ws.terminate();
    alive = false;
    ws.ping();
  }, PING_INTERVAL);

  ws.on("message", (bytes) => {
    let message;
    try {
      message = decode(bytes);
    } catch {
      return;
    }
    if (message.type !== "register") return; // a nil ends the process here, as the reference's
    if (options.token !== undefined && message.token !== options.token) return ws.close(4401, "unauthorized");
    owners.set(message.serverId, { ws, address: message.address });
    announce(roster());
  });

  ws.on("close", () => {
    clearInterval(timer);
    const mine = [...owners].filter(([, owner]) => owner.ws === ws);
    for (const [serverId] of mine) owners.delete(serverId);
    if (mine.length > 0) announce(roster());
  });
});

function stop() {
  for (const ws of server.clients) ws.close(1001, "discovery-shutdown");
  server.close(() => process.exit(0));
}

process.on("SIGTERM", stop);
server.on("listening", () => {
  say({ ready: true, url: `ws://127.0.0.1:${server.address().port}` });
  serve({ roster, announce: ({ servers }) => announce(servers), shutdown: stop }, () => process.exit(0));
});
