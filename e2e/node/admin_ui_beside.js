// A Node server with the original admin UI, in one mesh with a Go server.
//
//   node admin_ui_beside.js '{"discovery": "ws://…", "go": "http://goserver"}'
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server } from "socket.io";
import { Recorder } from "./admin_ui_client.js";
import { eventually } from "./conditions.js";
import { Mesh } from "./reference.js";

const { instrument } = createRequire(import.meta.url)("@socket.io/admin-ui");
const { discovery, go } = JSON.parse(process.argv[2]);

const mesh = new Mesh({ discovery });
const http = createServer();
const io = new Server(http, { adapter: mesh.adapter() });
instrument(io, { auth: false, serverId: "node" });
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
await mesh.start("127.0.0.1", 0);
const url = `http://127.0.0.1:${http.address().port}`;

try {
  await eventually("the servers are linked in the pages' namespace", async () => (await io.of("/admin").adapter.serverCount()) === 2);
  const onNode = new Recorder(url);
  const onGo = new Recorder(go);
  await Promise.all([onNode.connected, onGo.connected]);
  const goPage = new Recorder(go, "/admin");
  await goPage.connected;

  // A page of the Go server gets what the original broadcasts, and its sockets.
  await goPage.event("server_stats", (stats) => stats.serverId === "node");
  await goPage.event("server_stats", (stats) => stats.serverId !== "node");
  const later = new Recorder(url);
  await later.connected;
  await goPage.event("socket_connected", (socket) => socket.id === later.socket.id);
  await goPage.event("all_sockets", (sockets) => sockets.some(({ id, transport, clientId }) => id === onNode.socket.id && transport === "websocket" && clientId.length === 12));
  await goPage.event("all_sockets", (sockets) => sockets.some(({ id }) => id === onGo.socket.id));
  goPage.socket.emit("join", "/", "room", onNode.socket.id);
  await goPage.event("room_joined", (nsp, room, id) => room === "room" && id === onNode.socket.id);
  io.to("room").emit("hello");
  await onNode.event("hello");

  // A page of the Node server gets what the Go server has to tell, once, and so does the Go
  // server's own page.
  goPage.close();
  const nodePage = new Recorder(url, "/admin");
  const goPage2 = new Recorder(go, "/admin");
  await Promise.all([nodePage.connected, goPage2.connected]);
  await nodePage.event("all_sockets", (sockets) => sockets.some(({ id }) => id === onGo.socket.id));
  await nodePage.event("server_stats", (stats) => stats.serverId !== "node");
  await goPage2.event("all_sockets");
  nodePage.socket.emit("join", "/", "room of Node", onGo.socket.id);
  for (const page of [nodePage, goPage2]) await page.event("room_joined", (nsp, room, id) => room === "room of Node" && id === onGo.socket.id);
  nodePage.socket.emit("_disconnect", "/", false, "room of Node");
  for (const page of [nodePage, goPage2]) {
    await page.event("socket_disconnected", (nsp, id) => id === later.socket.id || id.length > 0);
    const told = page.events.filter(([name, , room, id]) => name === "room_joined" && room === "room of Node" && id !== undefined);
    assert.equal(told.length, 1, `told ${told.length} times`);
  }
  await eventually("the Go server's client is disconnected", () => !onGo.socket.connected);
  for (const recorder of [onNode, later, nodePage, goPage2]) recorder.close();
} finally {
  io.close();
  await mesh.close();
}
process.exit(0);
