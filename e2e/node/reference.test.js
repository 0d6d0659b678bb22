// The stand-in against what was captured from the reference: same frames, same
// close codes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import test from "node:test";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { WebSocket, WebSocketServer } from "ws";
import { frame, hello, parse, register, update } from "./frames.js";
import { Mesh } from "./reference.js";

const captured = (file) => JSON.parse(readFileSync(new URL(`../testdata/${file}`, import.meta.url))).vectors;
const cluster = new Map(captured("v2-cluster.json").map((v) => [v.name, v]));
const closes = new Map(captured("v2-closes.json").map((v) => [v.situation, v]));
const UID = "746b5745bee1accf"; // of the captured node
const PEER = "0000000000000000"; // the peer that is asked; it dials, for it is smaller

// Setup is a server with the stand-in, a raw peer that has said HELLO, and a
// discovery service that tells what the test wants it to.
async function setup(t, { token } = {}) {
  const discovery = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(discovery, "listening");
  const registered = new Promise((resolve) =>
    discovery.on("connection", (ws) => ws.once("message", (bytes) => resolve({ ws, bytes }))),
  );
  const mesh = new Mesh({ uid: UID, token, discovery: `ws://127.0.0.1:${discovery.address().port}` });
  const http = createServer();
  const io = new Server(http, { adapter: mesh.adapter(), serveClient: false });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  await mesh.start("127.0.0.1", 0);
  const member = await registered;
  member.ws.send(update([{ serverId: UID, address: mesh.address }, { serverId: PEER, address: "ws://x" }]));
  const url = `http://127.0.0.1:${http.address().port}`;
  t.after(async () => {
    await io.close();
    await mesh.close();
    for (const ws of discovery.clients) ws.terminate();
    discovery.close();
  });
  return { mesh, io, member, url };
}

// Raw is a peer made of bytes.
class Raw {
  constructor(address) {
    this.ws = new WebSocket(address);
    this.frames = [];
    this.ws.on("message", (bytes) => {
      this.frames.push(bytes);
      this.ws.emit("frame");
    });
    this.closed = once(this.ws, "close").then(([code, reason]) => [code, reason.toString()]);
  }

  static async greet(mesh, token) {
    const raw = new Raw(mesh.address);
    await once(raw.ws, "open");
    const up = once(mesh.links, "up");
    raw.ws.send(hello(PEER, "ws://x", token));
    await up;
    return raw;
  }

  // next is the next frame of a type.
  async next(type) {
    for (;;) {
      const i = this.frames.findIndex((bytes) => parse(bytes).value.type === type);
      if (i >= 0) return this.frames.splice(i, 1)[0];
      await once(this.ws, "frame");
    }
  }
}

// same compares a frame with a captured one; ids that are random per run are
// taken over from the captured one.
function same(bytes, name, ids = {}) {
  const { hex } = cluster.get(name);
  let text = bytes.toString("latin1");
  for (const [ours, theirs] of Object.entries(ids)) text = text.replaceAll(ours, theirs);
  assert.equal(Buffer.from(text, "latin1").toString("hex"), hex, name);
}

const requestId = (bytes) => parse(bytes).value.data.requestId;
const sameRequest = (bytes, name) => same(bytes, name, { [requestId(bytes)]: cluster.get(name).content.data.requestId });

test("registration and HELLO", async (t) => {
  for (const v of captured("v2-discovery.json")) {
    const { type, serverId, address, token, servers } = v.content;
    const bytes = type === "register" ? register(serverId, address, token) : update(servers);
    assert.equal(Buffer.from(bytes).toString("hex"), v.hex, v.name);
  }
  for (const v of captured("v2-hello.json")) {
    if (v.hex !== null) assert.equal(hello(v.content.uid, v.content.address, v.content.token).toString("hex"), v.hex, v.name);
  }
  const { mesh, member } = await setup(t);
  assert.deepEqual(member.bytes, Buffer.from(register(UID, mesh.address)));
});

test("broadcasts", async (t) => {
  const { mesh, io, url } = await setup(t);
  const raw = await Raw.greet(mesh);
  const cases = {
    "BROADCAST plain": () => io.emit("hello", "world", 1),
    "BROADCAST no arguments": () => io.emit("hello"),
    "BROADCAST to rooms": () => io.to(["room1", "комната"]).emit("e"),
    "BROADCAST except rooms": () => io.except("room2").emit("e"),
    "BROADCAST rooms and except": () => io.to("r").except(["x", "y"]).emit("e"),
    "BROADCAST flag volatile": () => io.volatile.emit("e"),
    "BROADCAST flag compress=true": () => io.compress(true).emit("e"),
    "BROADCAST flag compress=false": () => io.compress(false).emit("e"),
    "BROADCAST with binary (Buffer argument)": () => io.emit("e", Buffer.from([3, 4])),
    "BROADCAST with nested binary": () => io.emit("e", { a: [1, { b: Buffer.from([5]) }] }),
    "BROADCAST to a socket id": () => io.to("someSocketId").emit("e"),
  };
  for (const [name, emit] of Object.entries(cases)) {
    emit();
    same(await raw.next(3), name);
  }
  const adm = io.of("/adm");
  same(await raw.next(1), "INITIAL_HEARTBEAT (a namespace is created while peers are connected)");
  adm.emit("e");
  same(await raw.next(3), "BROADCAST in a custom namespace");
  adm.adapter.close();
  same(await raw.next(13), "ADAPTER_CLOSE");

  const client = connect(url, { transports: ["websocket"] });
  t.after(() => client.disconnect());
  await new Promise((resolve) => client.once("connect", resolve));
  io.sockets.sockets.get(client.id).broadcast.emit("e");
  same(await raw.next(3), "BROADCAST from socket.broadcast (sender excluded by id)", { [client.id]: "hmaY8221B0vyg_5wAAAA" });
});

test("requests", async (t) => {
  const { mesh, io } = await setup(t);
  const raw = await Raw.greet(mesh);
  raw.ws.send(frame(1, { type: 1, uid: PEER, nsp: "/" }));
  same(await raw.next(2), "HEARTBEAT (answer to INITIAL_HEARTBEAT; periodic ones are identical)");

  io.timeout(500).emit("q", 7, () => {});
  sameRequest(await raw.next(3), "BROADCAST with requestId (acknowledgements expected)");
  io.in("r1").fetchSockets().catch(() => {});
  const asked = await raw.next(7);
  sameRequest(asked, "FETCH_SOCKETS");
  raw.ws.send(frame(1, { type: 8, data: { requestId: requestId(asked), sockets: [] }, uid: PEER, nsp: "/" }));

  const handles = io.timeout(700).fetchSockets();
  const second = await raw.next(7);
  sameRequest(second, "FETCH_SOCKETS with timeout flag");
  const remote = { id: "remoteSid", handshake: {}, rooms: ["remoteSid"], data: {} };
  raw.ws.send(frame(1, { type: 8, data: { requestId: requestId(second), sockets: [remote] }, uid: PEER, nsp: "/" }));
  const [handle] = await handles;
  handle.timeout(800).emitWithAck("q").catch(() => {});
  sameRequest(await raw.next(3), "BROADCAST with requestId to one remote socket (RemoteSocket.timeout().emitWithAck)");

  io.in("r1").except("r2").socketsJoin(["a", "b"]);
  same(await raw.next(4), "SOCKETS_JOIN");
  io.socketsLeave("a");
  same(await raw.next(5), "SOCKETS_LEAVE");
  io.in("zz").disconnectSockets(true);
  same(await raw.next(6), "DISCONNECT_SOCKETS close=true");
  io.in("zz").disconnectSockets(false);
  same(await raw.next(6), "DISCONNECT_SOCKETS close=false");
  io.serverSideEmit("hello", "world", 1, "2");
  same(await raw.next(9), "SERVER_SIDE_EMIT without acknowledgement");
  io.serverSideEmit("hello", Buffer.from([1]), () => {});
  const emitted = await raw.next(9);
  sameRequest(emitted, "SERVER_SIDE_EMIT with requestId");
  raw.ws.send(frame(1, { type: 10, data: { requestId: requestId(emitted), packet: null }, uid: PEER, nsp: "/" }));
});

test("answers", async (t) => {
  const { mesh, io, url } = await setup(t);
  const raw = await Raw.greet(mesh);
  const ask = (type, data) => raw.ws.send(frame(1, { type, data, uid: PEER, nsp: "/" }));
  const question = (name, event) => {
    const { requestId: id } = cluster.get(name).content.data;
    ask(3, { packet: { type: 2, data: [event] }, requestId: id, opts: { rooms: [], except: [], flags: { timeout: 500 } } });
  };
  const none = "BROADCAST_CLIENT_COUNT (no matching client)";
  question(none, "q");
  same(await raw.next(11), none);
  const nobody = "FETCH_SOCKETS_RESPONSE (none)";
  ask(7, { opts: { rooms: [], except: [], flags: {} }, requestId: cluster.get(nobody).content.data.requestId });
  same(await raw.next(8), nobody);

  const client = connect(url, { transports: ["websocket"], query: { a: 1 }, auth: { user: "é" } });
  t.after(() => client.disconnect());
  client.on("q", (answer) => answer({ x: [1, Buffer.from([1])] }));
  client.on("blank", (answer) => answer());
  await new Promise((resolve) => client.once("connect", resolve));
  question("BROADCAST_ACK", "q");
  same(await raw.next(11), "BROADCAST_CLIENT_COUNT");
  same(await raw.next(12), "BROADCAST_ACK");
  const blank = "BROADCAST_ACK (client acknowledged without a value)";
  question(blank, "blank");
  same(await raw.next(12), blank);

  io.on("answer", (answer) => answer({ a: "b" }));
  io.on("nothing", (answer) => answer());
  for (const [event, name] of [
    ["answer", "SERVER_SIDE_EMIT_RESPONSE"],
    ["nothing", "SERVER_SIDE_EMIT_RESPONSE (acknowledged without a value)"],
  ]) {
    ask(9, { requestId: cluster.get(name).content.data.requestId, packet: [event] });
    same(await raw.next(10), name);
  }

  const socket = io.sockets.sockets.get(client.id);
  socket.join("vip");
  socket.data = { n: 1, blob: Buffer.from([1]) };
  const described = cluster.get("FETCH_SOCKETS_RESPONSE");
  ask(7, { opts: { rooms: [], except: [], flags: {} }, requestId: described.content.data.requestId });
  const { data } = parse(await raw.next(8)).value;
  const keys = (value) => (typeof value === "object" && value !== null && !ArrayBuffer.isView(value) ? Object.keys(value) : typeof value);
  const [got, want] = [data.sockets[0], described.content.data.sockets[0]];
  assert.deepEqual(Object.keys(got), Object.keys(want));
  assert.deepEqual(Object.keys(got.handshake), Object.keys(want.handshake));
  for (const member of Object.keys(want.handshake)) {
    if (member !== "headers") assert.deepEqual(keys(got.handshake[member]), keys(want.handshake[member]), member);
  }
  assert.deepEqual(got.rooms, [client.id, "vip"]);
  assert.deepEqual(got.data, { n: 1, blob: new Uint8Array([1]) });
});

test("close codes", async (t) => {
  const { mesh, member } = await setup(t, { token: "right" });
  const established = await Raw.greet(mesh, "right");
  const refused = {
    "HELLO too small (1 byte)": Buffer.from([0]),
    "mesh frame before HELLO": frame(1, { uid: "q", nsp: "/", type: 2 }),
    "HELLO without uid": frame(0, { address: "ws://x" }),
    "HELLO that does not decode": Buffer.from([0, 0xc1]),
    "HELLO carrying the acceptor's own uid": hello(UID, "ws://x", "right"),
    "second HELLO for a uid already connected": hello(PEER, "ws://x", "right"),
    "mesh HELLO, wrong token": hello("11", "ws://x", "wrong"),
    "mesh HELLO, token missing": hello("11", "ws://x"),
  };
  for (const [situation, bytes] of Object.entries(refused)) {
    const raw = new Raw(mesh.address);
    await once(raw.ws, "open");
    raw.ws.send(bytes);
    const { closeCode, closeReason } = closes.get(situation);
    assert.deepEqual(await raw.closed, [closeCode, closeReason], situation);
  }
  assert.deepEqual(await answerTo(established), [], "HELLO is not answered");
  member.ws.send(update([{ serverId: UID, address: mesh.address }]));
  assert.deepEqual(await established.closed, [1000, "left-discovery"]);
});

// answerTo is what a peer was sent until now.
async function answerTo(raw) {
  raw.ws.ping();
  await once(raw.ws, "pong");
  return raw.frames;
}

test("address changed, and shutdown", async (t) => {
  const { mesh, member } = await setup(t);
  const moved = await Raw.greet(mesh);
  member.ws.send(update([{ serverId: UID, address: mesh.address }, { serverId: PEER, address: "ws://y" }]));
  assert.deepEqual(await moved.closed, [1000, "address-changed"]);
  const last = await Raw.greet(mesh);
  await mesh.close();
  const { closeCode, closeReason } = closes.get("graceful shutdown of the node");
  assert.deepEqual(await last.closed, [closeCode, closeReason]);
});
