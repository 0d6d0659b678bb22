// Compares what a page gets of a Go server with what it gets of the original.
//
//   node admin_ui_shapes.js http://goserver
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { createRequire } from "node:module";
import { Recorder } from "./admin_ui_client.js";

const { instrument } = createRequire(import.meta.url)("@socket.io/admin-ui");
const [goURL] = process.argv.slice(2);

const http = createServer();
const io = new Server(http);
instrument(io, { auth: { type: "basic", username: "admin", password: "$2b$04$.E14FgT7hJo7JkHlWqloiehzmpRvD6iW4v.4xCVupKFThoMBJSjUi" } });
io.on("connection", (socket) => {
  socket.on("join", (room) => socket.join(room));
  socket.on("leave", (room) => socket.leave(room));
  socket.on("question", (...args) => socket.emit("answer", ...args));
});
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));

// scenario returns what a page gets of a server while the same things happen to it.
async function scenario(url) {
  const old = new Recorder(url);
  await old.connected;
  const oldId = old.socket.id;
  old.socket.emit("join", "old room");
  const page = new Recorder(url, "/admin", { username: "admin", password: "changeit" });
  await page.connected;
  await page.event("all_sockets");
  const came = new Recorder(url);
  await came.connected;
  const { id } = came.socket;
  const of = (nsp, ...rest) => rest.includes(id);
  await page.event("socket_connected", (socket) => socket.id === id);
  came.socket.emit("join", "room");
  await page.event("room_joined", (nsp, room, sid) => room === "room" && sid === id);
  came.socket.emit("leave", "room");
  await page.event("room_left", (nsp, room, sid) => room === "room" && sid === id);
  came.socket.emit("question", "<b>", 1, { a: [null, true] });
  await page.event("event_sent", of);
  await page.event("event_received", (nsp, sid, args) => sid === id && args[0] === "question");
  came.socket.disconnect();
  await page.event("socket_disconnected", (nsp, sid) => sid === id);
  await page.event("room_left", (nsp, room, sid) => room === id && sid === id);
  // The numbers of all that has happened: the disconnection comes last.
  await page.event("server_stats", (stats) => stats.clientsCount > 0 && stats.aggregatedEvents.some(({ type }) => type === "rawDisconnection"));
  const refused = await new Recorder(url, "/admin", { username: "admin", password: "wrong" }).connected.catch((error) => error.message);
  const session = page.events.find(([name]) => name === "session")[1];
  const again = new Recorder(url, "/admin", { sessionId: session });
  await again.connected;
  await again.event("all_sockets");
  for (const recorder of [old, page, again]) recorder.close();
  return { events: page.events, again: again.events, refused, id, old: oldId };
}

// shape replaces what differs from run to run by its kind. Keys keep their order.
function shape(value, key) {
  if (Array.isArray(value)) return value.map((member) => shape(member));
  if (value instanceof Date) return "Date";
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([name, member]) => [name, name === "headers" ? Object.keys(member).filter((h) => h !== "host" && h !== "cookie").sort() : shape(member, name)]);
  }
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return "<time>";
  if (["id", "clientId", "time", "url", "serverId"].includes(key)) return `<${typeof value}>`;
  if (typeof value === "number" && key !== undefined) return "<number>";
  return value;
}

// comparable are the events about one socket, with the ids by name, and one of each of the
// others.
function comparable({ events, again, refused, id, old }) {
  const named = JSON.parse(JSON.stringify(events).replaceAll(id, "<new>").replaceAll(old, "<old>"));
  const first = (name) => named.find(([n]) => n === name);
  const about = named.filter(([name, ...args]) => !["server_stats", "all_sockets", "config", "session"].includes(name) && JSON.stringify(args).includes("<new>"));
  const stats = first("server_stats")[1];
  stats.aggregatedEvents = [];
  stats.namespaces = stats.namespaces.map(({ name }) => name).sort();
  const oldSocket = first("all_sockets")[1].find((socket) => socket.id === "<old>");
  oldSocket.rooms.sort();
  const types = new Map();
  for (const [name, s] of events) if (name === "server_stats") for (const e of s.aggregatedEvents) types.set(e.type, Object.keys(e).filter((k) => k !== "subType").join());
  return {
    refused,
    session: typeof first("session")[1],
    config: first("config"),
    stats: shape(stats),
    types: [...types].sort(),
    old: shape(oldSocket),
    again: [...new Set(again.map(([name]) => name))].filter((name) => name !== "server_stats" && !name.startsWith("room_") && name !== "socket_connected").sort(),
    // Rooms are left before the socket has gone, or behind it.
    about: about.map((event) => shape(event)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

try {
  const [ours, original] = [comparable(await scenario(goURL)), comparable(await scenario(`http://127.0.0.1:${http.address().port}`))];
  if (process.env.MESH_E2E_SHAPES) console.log(JSON.stringify({ ours, original }, null, 1));
  assert.deepEqual(ours, original);
  assert.ok(ours.about.length >= 8, "too little was compared");
} finally {
  io.close();
}
process.exit(0);
