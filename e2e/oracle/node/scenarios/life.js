// The life of a client: every way of coming and going.
import { $, scenario } from "../scenario.js";

const all = ["websocket", "polling", "upgrade", "eio3-websocket", "eio3-polling", "msgpack-websocket"];

// Rooms that are there in "disconnecting" and gone in "disconnect".
const inRooms = io => io.on("connection", s => {
  s.join(["r1", "r2"]);
  s.on("slow", n => {
    $.block(5);
    s.log("slow", n, s.connected);
  });
  s.on("quick", n => s.log("quick", n));
  s.on("bye", () => {
    s.emit("last words", 1);
    s.disconnect();
  });
  s.on("bye, all", () => {
    s.emit("last words", 1);
    s.emit("last words", Buffer.from([2]));
    s.disconnect(true);
  });
});

scenario("leaving: disconnect()", { transports: all, setup: inRooms }, async t => {
  const [a] = await t.connect("a");
  a.disconnect();
  await t.served(a, "disconnect");
  const [b] = await t.connect("b");
  b.emit("quick", 1).emit("quick", 2);
  await t.served(b, "quick", 2); // Node drops what comes in one piece with the end
  b.disconnect();
  await t.served(b, "disconnect");
});

scenario("leaving: closing the connection", { transports: all, setup: inRooms }, async t => {
  const [a] = await t.connect("a");
  a.emit("quick", 1);
  await t.served(a, "quick");
  a.client.engine.close();
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("leaving: a closed tab", { transports: ["websocket", "upgrade", "eio3-websocket", "msgpack-websocket"], setup: inRooms }, async t => {
  const [a] = await t.connect("a");
  a.emit("quick", 1);
  await t.served(a, "quick");
  a.client.kill();
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("leaving: a closed tab, while it polls", { transports: ["polling", "eio3-polling"], setup: inRooms }, async t => {
  const r = await connectRaw(t);
  const poll = r.get(`EIO=${t.eio3 ? 3 : 4}&transport=polling`);
  await t.writable(r);
  r.last.destroy();
  await poll;
  await t.served(r, "disconnect");
});

scenario("leaving: a closed tab, behind handlers that are slow", { transports: ["websocket", "eio3-websocket"], setup: inRooms }, async t => {
  const r = await connectRaw(t), a = { actor: "a" };
  for (let i = 0; i < 5; i++) r.send(`42["slow",${i}]`);
  await t.heard(a, "slow", 5);
  r.ws._socket.end();
  await t.served(a, "disconnect");
  await r.gone();
});

scenario("leaving: several namespaces of one connection", { transports: all, setup: io => {
  inRooms(io);
  inRooms(io.of("/x"));
} }, async t => {
  const a = t.client("a"), b = t.client("b");
  const sockets = [];
  for (const c of [a, b]) for (const n of ["/", "/x"]) sockets.push(await c.of(n).connected());
  for (const s of sockets) await t.known(s);
  sockets[1].disconnect();
  await t.served(sockets[1], "disconnect");
  sockets[0].disconnect();
  await t.served(sockets[0], "disconnect");
  b.engine.close();
  await t.served(sockets[2], "disconnect");
  await t.served(sockets[3], "disconnect");
});

for (const [how, close] of [["without closing", false], ["with closing", true]])
  scenario(`kicked, ${how}`, { transports: all, setup: inRooms }, async t => {
    const [a, b] = await t.connect("a", "b");
    await t.at(a, s => {
      s.emit("last words", 1);
      s.emit("last words", Buffer.from([2]));
      s.disconnect(close);
    });
    await a.saw("disconnect");
    await t.served(a, "disconnect");
    await t.io(io => io.emit("to those who are left"));
    await b.got("to those who are left");
  });

scenario("kicked out of a handler", { transports: all, options: { quiet: true }, setup: inRooms }, async t => {
  const [a, b] = await t.connect("a", "b");
  // While the first event is sent the others wait, and go out together.
  a.emit("~first").emit("bye").emit("quick", "not handled");
  await a.saw("disconnect");
  await t.served(a, "disconnect");
  b.emit("~first").emit("bye, all").emit("quick", "not handled");
  await b.saw("disconnect");
  await t.served(b, "disconnect");
});

scenario("kicked at once", { transports: all, setup: io => io.on("connection", s => {
  s.emit("you are not wanted");
  s.disconnect(true);
}) }, async t => {
  const a = t.client("a").of("/");
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("kicked at once, one namespace", { transports: all, setup: io => io.of("/x").on("connection", s => {
  s.emit("you are not wanted");
  s.disconnect();
}) }, async t => {
  const a = t.client("a");
  const root = await a.of("/").connected();
  const x = a.of("/x");
  await x.saw("disconnect");
  await t.served(x, "disconnect");
  await t.io(io => io.emit("the main one stays"));
  await root.got("the main one stays");
});

scenario("kicked with many events before", { transports: all }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => {
    $.repeat(300, i => s.emit("n", i));
    s.disconnect(true);
  });
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("kicked out of one namespace of two", { transports: all, setup: io => inRooms(io.of("/x")) }, async t => {
  const a = t.client("a");
  const root = await a.of("/").connected(), x = await a.of("/x").connected();
  await t.known(root), await t.known(x);
  await t.at(x, s => s.disconnect());
  await x.saw("disconnect");
  await t.served(x, "disconnect");
  x.io.connect();
  await x.saw("connect", 2);
  await t.served(x, "connection", 2);
  await t.at(x, s => s.disconnect(true));
  await root.saw("disconnect");
  await x.saw("disconnect", 2);
  await t.served(root, "disconnect");
  await t.served(x, "disconnect", 2);
});

scenario("io.close()", { transports: all, servers: 1, setup: io => {
  inRooms(io);
  inRooms(io.of("/x"));
} }, async t => {
  const [a, b] = await t.connect("a", "b");
  const x = await a.client.of("/x").connected();
  await t.known(x);
  const polls = t.transport.endsWith("polling");
  if (polls) a.frozen = b.frozen = x.frozen = true; // Node answers their polls or cuts them, as it comes
  const closing = t.io(io => io.close());
  for (const s of [a, b, x]) {
    if (!polls) await s.saw("disconnect");
    await t.served(s, "disconnect");
  }
  await closing.catch(() => {});
});

scenario("ping timeout", { transports: ["websocket", "polling", "eio3-websocket", "eio3-polling"], options: { pingInterval: 10_000, pingTimeout: 100 }, setup: inRooms }, async t => {
  const r = await connectRaw(t); // and neither pings nor answers pings
  await t.served(r, "disconnect");
  if (r.ws) await r.gone();
});

scenario("no ping timeout for those who answer", { transports: all, options: { pingInterval: 40, pingTimeout: 30_000 } }, async t => {
  const [a] = await t.connect("a");
  let pings = 0;
  a.client.engine.on(t.eio3 ? "pong" : "ping", () => pings++);
  if (t.eio3) a.client.engine.on("heartbeat", () => pings++);
  await t.until("some pings have been answered", () => pings >= 3);
});

const rawTransports = ["websocket", "eio3-websocket"];

// connectRaw is a client without a library in the main namespace.
async function connectRaw(t, name = "a") {
  const r = t.raw(name), eio = t.eio3 ? 3 : 4;
  if (t.transport.endsWith("polling")) {
    r.quiet = true; // when it polls is another matter
    await r.get(`EIO=${eio}&transport=polling`);
    if (!t.eio3) await r.post("40");
    await r.polls("40", `EIO=${eio}&transport=polling`);
  } else {
    await r.dial(`EIO=${eio}&transport=websocket`);
    if (!t.eio3) r.send("40");
    await r.frame("40");
  }
  await t.served({ actor: name }, "connection");
  return r;
}

const bad = {
  "a packet of no type": ['4x["quick",1]'],
  "no JSON": ['42["quick"'],
  "an event that is no list": ['42{"quick":1}'],
  "an event without a name": ["42[]"],
  "an event whose name is a number": ["42[1]"],
  "an event whose name is an object": ["42[{}]"],
  "a reserved event": ['42["disconnect",1]'],
  "an answer to no question": ["4317[1]"],
  "an answer that is no list": ['431{"a":1}'],
  "text between attachments": ['451-["quick",{"_placeholder":true,"num":0}]', '42["quick",1]'],
  "bytes that nobody expects": [Buffer.from([1, 2, 3])],
  "more placeholders than attachments": ['451-["quick",{"_placeholder":true,"num":5}]', Buffer.from([1])],
  "no number of attachments": ['45["quick"]'],
  "an unknown engine packet": ["9"],
  "an engine packet of no type": ["x"],
  "an empty frame": [""],
  "a noop": ["6"],
  "a close packet": ["1"],
  "a probe out of season": ["2probe"],
  "an upgrade out of season": ["5"],
  "a second connect": ["40"],
  "a namespace that is not open": ['42/x,["quick",1]'],
  "leaving a namespace that is not open": ["41/x,"],
  "connecting with data that is no object": ['40/x,"text"'],
  "leaving with data": ['41["x"]'],
  "an error to the server": ['44{"message":"x"}'],
  "an id that is no number": ['42x["quick",1]'],
  "a long id": ['429007199254740991["quick",1]'],
};
for (const [name, frames] of Object.entries(bad))
  scenario(`bad input: ${name}`, { transports: rawTransports, servers: 1, setup: io => {
    inRooms(io);
    io.on("connection", s => s.on("error", e => s.log("error")));
  } }, async t => {
    const r = await connectRaw(t);
    r.send(...frames);
    // Either it is still heard, or it is gone.
    r.send('4277["~ping"]');
    await t.until("an answer or the end", () => t.count("a", e => e[0] === "closed" || (e[0] === "frame" && String(e[1]).startsWith("4377"))));
    if (t.count("a", e => e[0] === "closed")) await t.served({ actor: "a" }, "disconnect");
  });

scenario("bad input: too large", { transports: rawTransports, options: { maxHttpBufferSize: 1000 }, setup: inRooms }, async t => {
  const r = await connectRaw(t);
  r.send(`42["quick","${"x".repeat(900)}"]`);
  await t.served({ actor: "a" }, "quick");
  r.send(`42["quick","${"x".repeat(2000)}"]`);
  await r.saw("closed");
  await t.served({ actor: "a" }, "disconnect");
});

scenario("bad input: first frames", { transports: rawTransports, servers: 1, options: { connectTimeout: 20_000 } }, async t => {
  if (t.eio3) return;
  for (const [name, frame] of Object.entries({ event: '42["x"]', text: "hello", "not there": "40/no,", bytes: Buffer.from([1]), disconnect: "41" })) {
    const r = t.raw(name);
    await r.dial();
    await r.frame(1);
    r.send(frame);
    if (name === "not there") await r.frame(2);
    else await r.saw("closed");
  }
});

scenario("nobody connects to a namespace", { transports: ["websocket"], options: { connectTimeout: 50 } }, async t => {
  const r = t.raw("a");
  await r.dial();
  await r.saw("closed");
});

scenario("a WebSocket is closed with a code", { transports: rawTransports, setup: inRooms }, async t => {
  for (const [name, code] of [["a", 1000], ["b", 1001], ["c", 3000], ["d", 4999]]) {
    const r = await connectRaw(t, name);
    r.ws.close(code, "reason");
    await r.saw("closed");
    await t.served({ actor: name }, "disconnect");
  }
});

scenario("a burst of clients that leave", { transports: ["websocket", "polling", "upgrade", "eio3-websocket"], setup: inRooms }, async t => {
  const names = Array.from({ length: 20 }, (_, i) => "c" + i);
  const sockets = names.map(n => t.client(n).of("/"));
  await Promise.all(sockets.map(s => s.connected()));
  await Promise.all(sockets.map(s => t.known(s)));
  for (const s of sockets) s.emit("quick", 1).emit("quick", 2);
  await Promise.all(sockets.map(s => t.served(s, "quick", 2)));
  for (const s of sockets) s.disconnect();
  await Promise.all(sockets.map(s => t.served(s, "disconnect")));
});

scenario("leaving while the upgrade is under way", { transports: ["upgrading"], setup: inRooms }, async t => {
  const a = t.client("a").of("/");
  await a.saw("connect");
  await t.served(a, "connection");
  a.emit("quick", 1);
  await t.served(a, "quick");
  a.disconnect();
  await t.served(a, "disconnect");
});

scenario("kicked while the upgrade is under way", { transports: ["upgrading"], setup: io => io.on("connection", s => {
  s.emit("last words");
  s.disconnect(true);
}) }, async t => {
  const a = t.client("a").of("/");
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("events while the upgrade is under way", { transports: ["upgrading"], setup: io => io.on("connection", s => {
  $.repeat(30, i => s.emit("n", i));
  s.on("echo", n => s.emit("echo", n));
}) }, async t => {
  const a = t.client("a").of("/");
  await a.saw("connect");
  for (let i = 0; i < 30; i++) a.emit("echo", i);
  await a.got("echo", 30);
  await t.until("it is upgraded", () => a.client.engine.transport.name === "websocket");
  for (let i = 30; i < 40; i++) a.emit("echo", i);
  await a.got("echo", 40);
});

scenario("handlers of one socket run one after the other", { transports: all, setup: io => io.on("connection", s => {
  s.on("slow", n => {
    s.log("begins", n);
    $.block(3);
    s.log("ends", n);
  });
}) }, async t => {
  const [a] = await t.connect("a");
  for (let i = 0; i < 5; i++) a.emit("slow", i);
  await t.served(a, "ends", 5);
});

scenario("coming back", { transports: all, setup: io => io.on("connection", s => s.emit("welcome")) }, async t => {
  const [a] = await t.connect("a");
  await a.got("welcome");
  a.client.engine.close();
  await a.saw("disconnect");
  await t.served(a, "disconnect");
  a.io.connect();
  await a.saw("connect", 2);
  await a.got("welcome", 2);
  await t.served(a, "connection", 2);
});

// Frames as they go over the wire: what a WebSocket library would not send.
const masked = (first, payload, { mask = true, length } = {}) => {
  const data = Buffer.from(payload), key = Buffer.from([1, 2, 3, 4]);
  const head = [first, (mask ? 0x80 : 0) | (length ?? data.length)];
  return mask ? Buffer.concat([Buffer.from(head), key, data.map((b, i) => b ^ key[i % 4])]) : Buffer.concat([Buffer.from(head), data]);
};
const badFrames = {
  "not masked": masked(0x81, '42["quick",1]', { mask: false }),
  "a reserved bit": masked(0xc1, '42["quick",1]'),
  "an unknown opcode": masked(0x83, "x"),
  "text that is not UTF-8": masked(0x81, [0x34, 0x32, 0xff, 0xfe]),
  "a continuation of nothing": masked(0x80, "x"),
  "a text within a text": Buffer.concat([masked(0x01, "4"), masked(0x81, "2")]),
  "a ping that is too long": Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126, 1, 2, 3, 4]), Buffer.alloc(126)]),
  "a ping in two": masked(0x09, "x"),
  "a close frame of one byte": masked(0x88, [3]),
  "a close code that must not be sent": masked(0x88, [0x03, 0xed]),
  "a close reason that is not UTF-8": masked(0x88, [0x03, 0xe8, 0xff]),
};
for (const [name, bytes] of Object.entries(badFrames))
  scenario(`bad frames: ${name}`, { transports: ["websocket"], servers: 1, setup: inRooms }, async t => {
    const r = await connectRaw(t);
    r.ws._socket.write(bytes);
    await t.served({ actor: "a" }, "disconnect");
    await r.gone();
  });

scenario("good frames: text and bytes in pieces, pings between", { transports: ["websocket", "eio3-websocket"], setup: inRooms }, async t => {
  const r = await connectRaw(t);
  const pongs = [];
  r.ws.on("pong", data => pongs.push(String(data)));
  r.ws._socket.write(Buffer.concat([masked(0x01, '42["qui'), masked(0x89, "ping"), masked(0x00, 'ck",'), masked(0x80, "1]")]));
  await t.served({ actor: "a" }, "quick");
  await t.until("the pong", () => pongs.length);
  t.note("pongs", pongs);
});

scenario("leaving: a connection that is reset", { transports: ["websocket", "eio3-websocket"], setup: inRooms }, async t => {
  const r = await connectRaw(t);
  r.ws._socket.resetAndDestroy();
  await t.served({ actor: "a" }, "disconnect");
  await r.gone();
});
