// What is about several servers. Where Node has one server, ours have one and three; where
// "servers: 3" is said, Node has three as well.
import { $, scenario } from "../scenario.js";

const by = (key, list) => [...list].sort((x, y) => (x[key] < y[key] ? -1 : 1));

scenario("fetchSockets", {}, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await t.at(a, s => (s.join(["r", "only a"]), s.setData({ name: "a", n: 1, list: [1, null], deep: { x: true } })));
  await t.at(b, s => (s.join("r"), s.setData({ bytes: Buffer.from([1, 2]) })));
  t.note("all", by("of", await t.io(io => io.fetchSockets())));
  t.note("room", by("of", await t.io(io => io.in("r").fetchSockets())));
  t.note("except", by("of", await t.io(io => io.except("only a").fetchSockets())));
  t.note("one", await t.io(io => io.in(c.id).fetchSockets()));
  t.note("nobody", await t.io(io => io.in("nobody").fetchSockets()));
  t.note("from a socket", by("of", await t.at(b, s => s.broadcast.fetchSockets())));
});

scenario("fetchSockets: handshakes", { transports: "-eio3" }, async t => {
  for (const name of ["a", "b"])
    await t.known(await t.client(name, { query: { q: name }, extraHeaders: { "X-Custom": name } }).of("/", { auth: { token: name, n: 1 } }).connected());
  await t.io(io => $.each(io.fetchSockets(), r => {
    $.if($.eq(r.handshake.query.q, "a"), () => $.log("a", r.handshake.auth, r.handshake.query.EIO, r.handshake.headers["x-custom"], r.handshake.secure, r.handshake.xdomain));
  }));
  await t.io(io => $.each(io.fetchSockets(), r => {
    $.if($.eq(r.handshake.query.q, "b"), () => $.log("b", r.handshake.auth, r.handshake.query.EIO, r.handshake.headers["x-custom"], r.handshake.secure, r.handshake.xdomain));
  }));
});

scenario("acting on fetched sockets", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.at(b, s => s.join("left by itself"));
  await t.io(io => $.each(io.in(b.id).fetchSockets(), r => {
    r.emit("from afar", 1, Buffer.from([2]));
    r.join("joined");
    r.join(["one", "two"]);
    r.leave("left by itself");
  }));
  await b.got("from afar");
  await t.settle();
  await t.at(b, s => s.log("rooms", s.rooms));
  b.on("question", ack => ack("answer", 2));
  await t.io(io => $.each(io.in(b.id).fetchSockets(), r => r.timeout(60_000).emit("question", (err, answer) => $.log("answer", err, answer))));
  await t.noted("answer");
  await t.io(io => $.each(io.in(b.id).fetchSockets(), r => r.disconnect()));
  await t.served(b, "disconnect");
  await b.saw("disconnect");
});

scenario("socketsJoin and socketsLeave", {}, async t => {
  const sockets = await t.connect("a", "b", "c");
  const [a, b, c] = sockets;
  await t.at(a, s => s.join("r"));
  await t.at(b, s => s.join("r"));
  const rooms = async () => {
    await t.settle();
    for (const s of sockets) await t.at(s, s => s.log("rooms", s.rooms));
  };
  await t.io(io => io.socketsJoin("all"));
  await t.io(io => io.in("r").socketsJoin(["one", "two"]));
  await rooms();
  await t.io(io => io.except("r").socketsJoin("not r"));
  await t.io(io => io.in("r").socketsLeave("one"));
  await t.io(io => io.socketsLeave(["all", "nothing"]));
  await rooms();
  await t.at(c, s => s.broadcast.socketsJoin("by c"));
  await t.io(io => io.in(["two", "not r"]).socketsLeave("r"));
  await rooms();
  await t.io(io => io.to("two").emit("to two"));
});

scenario("disconnectSockets", { transports: "upgrading" }, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await t.at(a, s => s.join("r"));
  await t.at(b, s => s.join("r"));
  await t.io(io => io.in("r").except(b.id).disconnectSockets());
  await a.saw("disconnect");
  await t.served(a, "disconnect");
  await t.io(io => io.in("r").disconnectSockets(true));
  await b.saw("disconnect");
  await t.served(b, "disconnect");
  await t.io(io => io.disconnectSockets(true));
  await c.saw("disconnect");
  await t.served(c, "disconnect");
});

const colleagues = io => {
  io.on("note", () => io.log("note", $.args));
  io.on("ask", (n, ack) => ack(n));
  io.on("silent", () => $.log("silent"));
  io.on("several", ack => ack(1, 2));
  io.on("bytes", data => $.log("bytes", data));
};

scenario("serverSideEmit", { servers: 3, transports: ["websocket"], setup: colleagues }, async t => {
  await t.io(io => io.serverSideEmit("note", 1, "two", { three: [3] }));
  await t.noted("note", 2);
  await t.io(io => io.of("/").serverSideEmit("note"), 1);
  await t.noted("note", 4);
  t.note("answers", await t.io(io => io.serverSideEmitWithAck("ask", "x")));
  t.note("only the first value", await t.io(io => io.serverSideEmitWithAck("several")));
  await t.io(io => io.serverSideEmit("ask", { a: 1 }, (err, list) => $.log("callback", err, list)));
  await t.noted("callback");
});

scenario("serverSideEmit: one server", { servers: 1, transports: ["websocket"], setup: colleagues }, async t => {
  const [a] = await t.connect("a");
  t.note("sent", await t.failure(t.io(io => $.attempt(() => io.serverSideEmit("note", 1)))));
  t.note("reserved", await t.io(io => $.attempt(() => io.serverSideEmit("connection", 1))), await t.io(io => $.attempt(() => io.serverSideEmit("new_namespace", 1))));
});

scenario("serverSideEmit to those that do not answer", { servers: 3, transports: ["websocket"], setup: colleagues }, async t => {
  t.note("silent", await t.failure(t.io(io => io.serverSideEmitWithAck("silent"))));
});

scenario("servers that leave while they are asked", { servers: 3, transports: ["websocket"], setup: colleagues }, async t => {
  await t.io(io => io.serverSideEmit("silent", (err, list) => $.log("callback", err, list)));
  await t.noted("silent", 2);
  await t.io(io => io.serverSideEmit("ask", "x", (err, list) => $.log("others", err, list)));
  await t.noted("others");
  await t.io(io => io.close(), 1);
  await t.io(io => io.close(), 2);
  await t.noted("callback");
  t.note("alone", await t.io(io => io.serverSideEmitWithAck("ask", "y")), (await t.io(io => io.fetchSockets())).length);
});

scenario("serverSideEmit in a namespace", {
  servers: 3,
  transports: ["websocket"],
  setup: io => {
    io.on("note", () => $.log("never"));
    io.of("/x").on("note", () => $.log("note", $.args));
  },
}, async t => {
  await t.io(io => io.of("/x").serverSideEmit("note", 1));
  await t.noted("note", 2);
});

scenario("local", { servers: 3, setup: io => 0 }, async t => {
  const sockets = await t.connect("a", "b", "c");
  for (const s of sockets) await t.at(s, s => s.join("r"));
  await t.io(io => {
    io.local.emit("local");
    io.local.to("r").emit("local to r");
    io.to("r").local.except("x").emit("once more");
    io.emit("to all");
  });
  await t.at(sockets[1], s => s.local.emit("from b, local"));
  t.note("local sockets", (await t.io(io => io.local.fetchSockets())).map(s => s.of));
  await t.io(io => io.local.socketsJoin("joined"), 1);
  await t.settle();
  for (const s of sockets) await t.at(s, s => s.log("rooms", s.rooms));
  await t.io(io => io.local.disconnectSockets(), 2);
  await sockets[2].saw("disconnect");
  await t.served(sockets[2], "disconnect");
});

scenario("questions across servers", { servers: 3 }, async t => {
  const sockets = await t.connect("a", "b", "c", "d");
  for (const s of sockets) s.on("who", ack => ack(s.client.name));
  await t.io(io => $.each(io.fetchSockets(), r => r.join("r")));
  await t.settle();
  for (let at = 0; at < 3; at++) t.note("answers", at, (await t.io(io => io.to("r").timeout(60_000).emitWithAck("who"), at)).sort());
  sockets[1].io.off("who");
  t.note("one is silent", await t.failure(t.io(io => io.to(["r"]).timeout(3000).emitWithAck("who")).then(v => v.sort())).then(e => [e.message, e.data.sort()]));
});

scenario("how many servers, and their namespaces", { servers: 3, transports: ["websocket"], setup: io => io.of("/x") }, async t => {
  t.note("main", (await t.io(io => io.fetchSockets())).length);
  const [a] = await t.connect("a");
  for (let at = 0; at < 3; at++) t.note("seen by", at, await t.io(io => io.fetchSockets(), at));
});

scenario("adapter events", {
  servers: 1,
  setup: io => {
    const adapter = io.of("/").adapter;
    for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) adapter.on(event, () => io.log(event, $.args));
  },
}, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => (s.join("r"), s.join("r"), s.join("s")));
  const [b] = await t.connect("b");
  await t.at(b, s => s.join("r"));
  await t.at(a, s => (s.leave("r"), s.leave("r"), s.leave("never")));
  await t.at(b, s => s.leave("r"));
  await t.at(a, s => (s.leave("s"), s.leave(s.id)));
  a.disconnect();
  await t.served(a, "disconnect");
  b.disconnect();
  await t.served(b, "disconnect");
});

scenario("adapter: rooms and sids", { servers: 1, transports: ["websocket"] }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => s.join(["r", "s"]));
  await t.io(io => io.log("rooms", io.of("/").adapter.rooms));
  await t.io(io => io.log("sids", io.of("/").adapter.sids));
  await t.io(io => io.log("sockets", io.of("/").sockets.size, io.engine.clientsCount));
  a.disconnect();
  await t.served(a, "disconnect");
  await t.io(io => io.log("rooms", io.of("/").adapter.rooms));
  await t.io(io => io.log("sockets", io.of("/").sockets.size));
});

scenario("rooms across servers, joined and left while events go out", { servers: 3 }, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  for (let i = 0; i < 5; i++) {
    await t.at(b, s => s.join("r"));
    await t.io(io => io.to("r").emit("in", i));
    await b.got("in", i + 1);
    await t.at(b, s => s.leave("r"));
    await t.io(io => io.to("r").emit("out", i));
    await t.settle(); // before b is back: it is on another server
  }
  await t.io(io => io.in(c.id).socketsJoin("r"));
  await t.io(io => io.to("r").emit("right behind the join"));
  await c.got("right behind the join");
  await t.io(io => io.in("r").socketsLeave("r"));
  await t.io(io => io.to("r").emit("right behind the leave"));
});
