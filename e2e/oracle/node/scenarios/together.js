// Several things at once: transports side by side, middleware that takes its time, many
// namespaces.
import { $, scenario } from "../scenario.js";

scenario("clients of every transport in one room", { transports: ["websocket"], options: { allowEIO3: true }, setup: io =>
  io.on("connection", s => {
    s.join("r");
    s.on("say", () => s.nsp.to("r").emit("said", $.args));
  }) }, async t => {
  const sockets = [];
  for (const transport of ["websocket", "polling", "upgrade", "eio3-websocket", "eio3-polling"]) {
    const s = await t.client(transport, {}, transport).of("/").connected();
    await t.known(s);
    sockets.push(s);
  }
  let n = 0;
  for (const s of sockets) {
    s.emit("say", s.client.name, Buffer.from([++n]));
    for (const other of sockets) await other.got("said", n);
  }
  await t.io(io => io.to("r").except(sockets[1].id).emit("not to the one that polls", Buffer.from("x"), { y: Buffer.from("z") }));
  for (const s of sockets) s.io.on("who", ack => ack(s.client.name));
  t.note("answers", (await t.io(io => io.to("r").timeout(60_000).emitWithAck("who"))).sort());
});

const slowly = io => {
  io.use((s, next) => $.later(20, () => next()));
  io.of("/x").use((s, next) => $.later(40, () => next()));
  io.on("connection", s => s.emit("welcome", s.connected));
  io.of("/x").on("connection", s => s.emit("welcome", s.nsp.name));
};

scenario("middleware that takes its time", { transports: "eio3-polling", setup: slowly }, async t => {
  const a = t.client("a");
  const x = a.of("/x"), root = a.of("/");
  x.emit("early", 1);
  await root.got("welcome");
  await x.got("welcome");
  await t.heard(x, "early");
});

scenario("leaving while middleware decides", { transports: ["websocket", "eio3-websocket"], servers: 1, setup: io => {
  io.use((s, next) => {
    s.conn.on("close", () => $.log("closed"));
    $.set("next", next);
    $.log("asked");
  });
} }, async t => {
  const r = t.raw("a");
  await r.dial(`EIO=${t.eio3 ? 3 : 4}&transport=websocket`);
  if (!t.eio3) r.send("40");
  await t.noted("asked");
  r.ws.close();
  await r.gone();
  await t.noted("closed");
  await t.io(() => $.get("next")());
  await t.io(io => io.log("sockets", io.of("/").sockets.size));
});

scenario("a refusal that takes its time", { transports: ["websocket", "polling", "msgpack-websocket"], setup: io =>
  io.use((s, next) => $.later(20, () => next($.error("after all not", { code: 3 })))) }, async t => {
  const a = t.client("a").of("/");
  await a.saw("connect_error");
});

scenario("many namespaces of one connection", { transports: ["websocket", "polling", "eio3-websocket", "msgpack-websocket"], setup: io =>
  io.of($.regex("^/n-\\d+$")).on("connection", s => s.emit("welcome", s.nsp.name)) }, async t => {
  const a = t.client("a");
  const sockets = Array.from({ length: 12 }, (_, i) => a.of("/n-" + i));
  for (const s of sockets) await s.got("welcome");
  for (const s of sockets) await t.served(s, "connection");
  await t.io(io => $.repeat(3, i => io.of("/n-7").emit("to one of them", i)));
  for (const s of sockets.slice(0, 6)) {
    s.disconnect();
    await t.served(s, "disconnect");
  }
});

scenario("once, and send", { setup: io => io.on("connection", s => {
  s.once("x", () => s.emit("once", $.args));
  s.on("message", () => s.send("back", $.args));
}) }, async t => {
  const [a] = await t.connect("a");
  a.emit("x", 1).emit("x", 2);
  a.io.send("hello", 3);
  await a.got("message");
});

scenario("what a socket knows of its connection", { transports: ["websocket", "polling", "upgrade", "eio3-websocket"] }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => {
    s.log("transport", s.client.conn.transport.name, s.client.conn.readyState, s.client.conn.protocol);
    s.log("one more", $.eq(s.client.conn.id, s.conn.id));
  });
});

scenario("big events from clients", { transports: "eio3-polling msgpack-polling", setup: io =>
  io.on("connection", s => s.on("big", (text, data, ack) => ack(text, data))) }, async t => {
  const [a] = await t.connect("a");
  await a.ask("big", "x".repeat(400_000), Buffer.alloc(200_000, 3));
});

scenario("rooms with names of every kind", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  const names = ["", " ", "é😀", "a/b", "a,b", "[\"x\"]", "__proto__", "constructor", "x".repeat(500)];
  for (const n of names) await t.at(b, s => s.join(n));
  for (const n of names) await t.io(io => io.to(n).emit("in", n.length));
  await t.at(a, s => $.repeat(1, () => s.to("__proto__").emit("from a")));
  await b.got("from a");
  await t.at(b, s => s.log("rooms", s.rooms));
});

scenario("events with names of every kind", { setup: io => io.on("connection", s => {
  for (const n of ["é😀", " ", "__proto__", "constructor", "a,b", "hasOwnProperty"]) s.on(n, () => s.emit("heard", n, $.args));
}) }, async t => {
  const [a] = await t.connect("a");
  let n = 0;
  for (const name of ["é😀", " ", "__proto__", "constructor", "a,b", "hasOwnProperty"]) {
    a.emit(name, 1);
    await a.got("heard", ++n);
  }
});

scenario("namespaces with names of every kind", { transports: ["websocket", "polling", "msgpack-websocket"], setup: io => {
  for (const n of ["/a/b", "/é", "/a b", "/a-b_c.d~e", "/x".repeat(40)]) io.of(n).on("connection", s => s.emit("welcome", s.nsp.name));
} }, async t => {
  const a = t.client("a");
  for (const n of ["/a/b", "/é", "/a b", "/a-b_c.d~e", "/x".repeat(40)]) {
    const s = a.of(n);
    await s.got("welcome");
    await t.served(s, "connection");
  }
});

scenario("a session by JSONP", { transports: ["eio3-polling"], servers: 1, setup: io => io.on("connection", s => s.on("echo", () => s.emit("echo", $.args))) }, async t => {
  const r = t.raw("a"), query = "EIO=3&transport=polling&j=0";
  r.quiet = true;
  const open = await r.get(query);
  t.note("type", open.status, open.headers["content-type"], open.body.slice(0, 8));
  r.sid = /sid\\":\\"([^"\\]+)/.exec(open.body)[1];
  t.note("brought", (await r.get(query)).body.replace(/\d+:40.*/, "…"));
  const posted = await r.post("d=" + encodeURIComponent('12:42["echo",1]'), query, { headers: { "content-type": "application/x-www-form-urlencoded" } });
  t.note("posted", posted.status, posted.body);
  await t.heard({ actor: "a" }, "echo");
});

scenario("answers to polls are compressed", { transports: ["polling"], servers: 1 }, async t => {
  const r = t.raw("a");
  r.quiet = true;
  const headers = { "accept-encoding": "gzip, deflate" };
  await r.get(undefined, { headers });
  await r.post("40");
  const small = await r.get(undefined, { headers });
  t.note("small", small.headers["content-encoding"]);
  await t.served({ actor: "a" }, "connection");
  await t.at({ client: { name: "a" }, nsp: "/" }, s => s.compress(true).emit("long", "x".repeat(5000)));
  t.note("long", (await r.get(undefined, { headers })).headers["content-encoding"]);
  await t.at({ client: { name: "a" }, nsp: "/" }, s => s.compress(false).emit("long", "x".repeat(5000)));
  t.note("not compressed", (await r.get(undefined, { headers })).headers["content-encoding"]);
});

scenario("what a WebSocket is offered", { transports: ["websocket"], servers: 1, options: { perMessageDeflate: { threshold: 10 } } }, async t => {
  const offers = [false, true, { clientMaxWindowBits: 10 }, { serverMaxWindowBits: 10 }, { serverNoContextTakeover: true, clientNoContextTakeover: true }];
  for (const [i, perMessageDeflate] of offers.entries()) {
    const r = t.raw("c" + i);
    r.quiet = true;
    await r.dial(undefined, { perMessageDeflate });
    t.note("extensions", i, r.upgradeHeaders?.["sec-websocket-extensions"]);
  }
});

scenario("the client's bundle", { transports: ["polling"], servers: 1 }, async t => {
  const r = t.raw("a");
  r.quiet = true;
  t.note("socket.io.js", (await r.get("", { path: "/socket.io/socket.io.js" })).status);
});

scenario("an unknown file", { transports: ["polling"], servers: 1 }, async t => {
  const r = t.raw("a");
  r.quiet = true;
  t.note("no.js", (await r.get("", { path: "/socket.io/no.js" })).status);
});

scenario("a path without a slash at its end", { transports: ["websocket", "polling"], servers: 1, options: { addTrailingSlash: false } }, async t => {
  const a = await t.client("a", { addTrailingSlash: false }).of("/").connected();
  await t.known(a);
});
