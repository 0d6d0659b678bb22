// What a server does with one socket.
import { $, scenario } from "../scenario.js";

scenario("broadcast from a socket", {}, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await t.at(b, s => s.join("r"));
  await t.at(c, s => s.join(["r", "s"]));
  await t.at(a, s => {
    s.broadcast.emit("to the others");
    s.broadcast.to("r").emit("broadcast to r");
    s.to("r").emit("to r");
    s.to("r").except("s").emit("r without s");
    s.except("s").emit("except s");
    s.in(["r", "s"]).emit("in both");
    s.local.to(s.id).emit("not to myself");
  });
  await b.got("in both");
  await t.at(c, s => s.to("r").emit("c to r"));
});

scenario("what a socket knows", {}, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => {
    s.log("id", s.id);
    s.log("rooms", s.rooms);
    s.log("data", s.data);
    s.log("connected", s.connected, s.disconnected, s.recovered);
    s.log("namespace", s.nsp.name);
    s.log("transport", s.conn.transport.name);
    s.log("protocol", s.conn.protocol);
    s.log("state", s.conn.readyState);
    s.setData({ user: "u", n: 1 });
    s.log("data", s.data);
    s.log("one of the data", s.data.user);
    s.join(["x", "y"]);
    s.log("rooms", s.rooms);
    s.leave("x");
    s.log("rooms", s.rooms);
  });
});

scenario("handshake", { transports: ["websocket", "polling", "upgrade", "msgpack-websocket"] }, async t => {
  const client = t.client("a", { query: { q: "1", twice: "a b&c", "é": "ü" }, extraHeaders: { "X-Custom": "abc" } });
  const a = await client.of("/", { auth: { token: "t", nested: { n: [1, null, true] }, text: "é" } }).connected();
  await t.served(a, "connection");
  await t.at(a, s => {
    s.log("auth", s.handshake.auth);
    s.log("q", s.handshake.query.q, s.handshake.query.twice, s.handshake.query["é"]);
    s.log("EIO", s.handshake.query.EIO, s.handshake.query.transport);
    s.log("header", s.handshake.headers["x-custom"]);
    s.log("host", s.handshake.headers.host);
    s.log("address", s.handshake.address);
    s.log("secure", s.handshake.secure, s.handshake.xdomain);
  });
});

scenario("handshake of version 2", { transports: ["eio3-websocket", "eio3-polling"] }, async t => {
  const a = await t.client("a", { query: { q: "1" } }).of("/").connected();
  await t.served(a, "connection");
  await t.at(a, s => {
    s.log("auth", s.handshake.auth);
    s.log("q", s.handshake.query.q, s.handshake.query.EIO);
    s.log("address", s.handshake.address);
    s.log("secure", s.handshake.secure, s.handshake.xdomain);
  });
});

scenario("auth of every kind", { transports: ["websocket", "polling", "msgpack-websocket"] }, async t => {
  const auths = { none: undefined, empty: {}, list: { list: [1, 2] }, called: done => done({ from: "a function" }) };
  for (const [name, auth] of Object.entries(auths)) {
    const s = await t.client(name).of("/", { auth }).connected();
    await t.served(s, "connection");
    await t.at(s, s => s.log("auth", s.handshake.auth));
  }
});

scenario("events with every kind of arguments", {
  setup: io => io.on("connection", s => {
    s.on("none", () => s.emit("none"));
    s.on("echo", () => s.emit("echo", $.args));
    s.on("echo ack", () => $.ack($.args));
  }),
}, async t => {
  const [a] = await t.connect("a");
  a.emit("none").emit("echo").emit("echo", 1, 2.5, -3, 1e21, "text", true, false, null, [], {}, [[]], { a: { b: [{}] } });
  a.emit("echo", "é😀", "\u0000", "\n\t\"\\", "<&>\u2028");
  await a.got("echo", 3);
  await a.ask("echo ack", { nested: [1, { two: null }] });
  a.emit("", "the empty name");
  a.emit("a name with spaces é", 1);
  a.io.send("a message");
  await t.heard(a, "message");
});

scenario("catch-all listeners", {
  options: { quiet: true },
  setup: io => io.on("connection", s => {
    $.fn(() => 0);
    s.on("x", () => s.log("x", $.args));
    s.onAny(() => s.log("any", $.args));
    s.prependAny(() => s.log("prepended any", $.args));
    s.onAnyOutgoing(() => s.log("outgoing", $.args));
    s.prependAnyOutgoing(() => s.log("prepended outgoing", $.args));
  }),
}, async t => {
  const [a] = await t.connect("a");
  a.emit("x", 1);
  await t.served(a, "x");
  a.emit("y", 2, 3);
  await t.served(a, "any", 2);
  await t.at(a, s => {
    s.emit("from the socket", 4);
    s.nsp.emit("from the server", 5);
    s.nsp.to(s.id).emit("to a room", 6);
  });
  await a.got("to a room");
});

scenario("listeners that are taken away", {
  options: { quiet: true },
  setup: io => io.on("connection", s => {
    const any = $.fn(() => s.log("any", $.args));
    const outgoing = $.fn(() => s.log("outgoing", $.args));
    const listener = $.fn(() => s.log("listener", $.args));
    s.onAny(any);
    s.onAnyOutgoing(outgoing);
    s.on("x", listener);
    s.once("x", () => s.log("once", $.args));
    s.on("off", ack => {
      s.offAny(any);
      s.offAnyOutgoing(outgoing);
      s.off("x", listener);
      s.on("x", () => s.log("another", $.args));
      ack("off");
    });
    s.on("off all", ack => {
      s.removeAllListeners("x");
      s.offAny();
      ack("off all");
    });
  }),
}, async t => {
  const [a] = await t.connect("a");
  a.emit("x", 1);
  await t.served(a, "listener");
  a.emit("x", 2);
  await t.served(a, "listener", 2);
  await a.ask("off");
  a.emit("x", 3);
  await a.ask("off all");
  a.emit("x", 4);
  await t.at(a, s => s.emit("seen by nobody"));
  await a.got("seen by nobody");
});

scenario("middleware of a socket", {
  setup: io => io.on("connection", s => {
    s.use((event, next) => {
      s.log("first", event);
      next();
    });
    s.use((event, next) => {
      $.if($.eq(event[0], "bad"), () => next($.error("not this", { code: 1 })), () => next());
    });
    s.use((event, next) => {
      s.log("third", event);
      next();
    });
    s.on("error", e => s.log("error", e));
    s.on("good", () => s.log("good", $.args));
    s.on("bad", () => s.log("never"));
    s.on("ask", ack => ack("answered"));
  }),
}, async t => {
  const [a] = await t.connect("a");
  a.emit("good", 1);
  await t.served(a, "good");
  a.emit("bad", 2);
  await t.served(a, "error");
  a.emit("good", 3);
  await t.served(a, "good", 2);
  await a.ask("ask");
});

scenario("joining and leaving", {
  transports: ["websocket", "polling"],
  setup: io => io.on("connection", s => {
    s.join("early");
    s.emit("welcome", s.rooms);
    s.on("disconnecting", () => s.to("early").emit("somebody goes", s.rooms));
    s.on("disconnect", () => s.nsp.emit("somebody went", s.rooms));
  }),
}, async t => {
  const [a, b] = await t.connect("a", "b");
  await a.got("welcome");
  await b.got("welcome");
  a.disconnect();
  await t.served(a, "disconnect");
  await b.got("somebody went");
});

scenario("emitting to a socket that is gone", { transports: ["websocket", "polling"] }, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.at(a, s => $.set("gone", s));
  a.disconnect();
  await t.served(a, "disconnect");
  await t.io(() => {
    const s = $.get("gone");
    s.emit("too late", 1);
    s.join("r");
    s.log("rooms", s.rooms);
    s.log("connected", s.connected, s.disconnected);
    s.disconnect();
    s.disconnect(true);
    s.to("r").emit("to r");
    s.broadcast.emit("from one that is gone");
  }, t.place("a"));
  await t.io(io => io.to("r").emit("r"));
});
