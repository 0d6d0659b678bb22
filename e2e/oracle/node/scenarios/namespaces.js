// Namespaces, static and dynamic, and who may enter.
import { $, scenario } from "../scenario.js";

scenario("namespaces are apart", {
  setup: io => io.of("/x").on("connection", s => s.on("join", (room, ack) => {
    s.join(room);
    ack();
  })),
}, async t => {
  const a = t.client("a"), b = t.client("b");
  const [root, x, bx] = [await a.of("/").connected(), await a.of("/x").connected(), await b.of("/x").connected()];
  for (const s of [root, x, bx]) await t.known(s);
  await x.ask("join", "r");
  await t.io(io => {
    io.emit("to the main one");
    io.of("/x").emit("to x");
    io.of("x").to("r").emit("to r of x");
    io.to("r").emit("to r of the main one");
  });
  await t.at(x, s => s.log("namespace", s.nsp.name));
  await x.got("to r of x");
  x.disconnect();
  await t.served(x, "disconnect");
  await t.io(io => io.of("/x").emit("once more to x"));
  await bx.got("once more to x");
});

scenario("a namespace that does not exist", { transports: "-eio3" }, async t => {
  const a = t.client("a");
  await a.of("/").connected();
  const no = a.of("/no");
  await no.saw("connect_error");
  const odd = a.of("/é ?x=1");
  await odd.saw("connect_error");
});

scenario("a namespace that does not exist, for version 2", { transports: ["eio3-websocket", "eio3-polling"] }, async t => {
  const a = t.client("a");
  await a.of("/").connected();
  const no = a.of("/no");
  await no.saw("connect_error");
});

scenario("dynamic namespaces by pattern", {
  options: {},
  setup: io => {
    io.of($.regex("^/dyn-\\d+$")).on("connection", s => {
      s.emit("welcome", s.nsp.name);
      s.join("r");
    });
    io.on("new_namespace", nsp => $.set("latest", nsp.name));
  },
}, async t => {
  const a = t.client("a"), b = t.client("b");
  await a.of("/").connected();
  const one = await a.of("/dyn-1").connected(), two = await a.of("/dyn-2").connected(), other = await b.of("/dyn-1").connected();
  for (const s of [one, two, other]) await t.known(s), await s.got("welcome");
  await t.io(io => {
    io.of("/dyn-1").emit("to 1");
    io.of("/dyn-2").to("r").emit("to r of 2");
  });
  const no = a.of("/dyn-x");
  await no.saw("connect_error");
  t.note("latest", await t.io(() => $.get("latest")));
});

scenario("emitting to all children of a dynamic namespace", {
  setup: io => {
    const parent = io.of($.regex("^/dyn-\\d+$"));
    parent.on("connection", s => s.emit("welcome", s.nsp.name));
    $.set("parent", parent);
  },
}, async t => {
  const sockets = [];
  for (const c of [t.client("a"), t.client("b")]) for (const n of ["/dyn-1", "/dyn-2"]) sockets.push(await c.of(n).connected());
  for (const s of sockets) await t.known(s), await s.got("welcome");
  await t.io(() => $.get("parent").emit("to all", 1));
  for (const s of sockets) await s.got("to all");
});

scenario("dynamic namespaces by function", {
  transports: "-eio3",
  setup: io => {
    io.of((name, auth, next) => {
      $.if($.eq(auth.token, "secret"), () => next(null, true), () => next(null, false));
    }).on("connection", s => s.emit("welcome", s.nsp.name));
  },
}, async t => {
  const a = t.client("a");
  const yes = await a.of("/any", { auth: { token: "secret" } }).connected();
  await t.known(yes);
  const no = a.of("/other", { auth: { token: "wrong" } });
  await no.saw("connect_error");
});

scenario("a dynamic namespace is cleaned up", {
  transports: ["websocket", "polling"],
  options: { cleanupEmptyChildNamespaces: true },
  setup: io => io.of($.regex("^/dyn-\\d+$")).on("connection", s => s.emit("welcome", s.nsp.name)),
}, async t => {
  for (const name of ["a", "b"]) {
    const s = await t.client(name).of("/dyn-1").connected();
    await t.known(s);
    await s.got("welcome");
    s.disconnect();
    await t.served(s, "disconnect");
  }
});

scenario("middleware of a namespace", {
  transports: "-eio3",
  setup: io => {
    io.use((s, next) => {
      $.log("first", s.handshake.auth, s.connected);
      next();
    });
    io.use((s, next) => {
      $.if($.eq(s.handshake.auth.token, "bad"), () => next($.error("not you", { code: 401, list: [1] })), () => next());
    });
    io.use((s, next) => {
      s.setData({ by: "middleware" });
      s.join("joined by middleware");
      $.log("third", s.rooms);
      next();
    });
    io.on("connection", s => s.log("data and rooms", s.data, s.rooms));
  },
}, async t => {
  const bad = t.client("bad").of("/", { auth: { token: "bad" } });
  await bad.saw("connect_error");
  const good = await t.client("good").of("/", { auth: { token: "good" } }).connected();
  await t.known(good);
  await t.io(io => io.to("joined by middleware").emit("to the room"));
  bad.io.auth = { token: "better" };
  bad.io.connect();
  await bad.connected();
});

scenario("errors of middleware: data of every kind", {
  transports: ["websocket", "polling", "msgpack-websocket"],
  setup: io => {
    io.of("/none").use((s, next) => next($.error("no data")));
    io.of("/text").use((s, next) => next($.error("text", "why")));
    io.of("/number").use((s, next) => next($.error("number", 7)));
    io.of("/nested").use((s, next) => next($.error("é", { a: { b: [1, { c: null }] } })));
    io.of("/empty").use((s, next) => next($.error("", {})));
  },
}, async t => {
  const a = t.client("a");
  for (const n of ["none", "text", "number", "nested", "empty"]) await a.of("/" + n).saw("connect_error");
});

scenario("errors of middleware for version 2", {
  transports: ["eio3-websocket", "eio3-polling"],
  setup: io => io.of("/x").use((s, next) => next($.error("not you", { code: 1 }))),
}, async t => {
  const a = t.client("a");
  await a.of("/").connected();
  await a.of("/x").saw("connect_error");
});

scenario("each namespace has its own middleware", {
  transports: "-eio3",
  setup: io => {
    io.use((s, next) => {
      $.log("main", s.nsp.name);
      next();
    });
    io.of("/x").use((s, next) => {
      $.log("x", s.nsp.name);
      next();
    });
    io.of($.regex("^/dyn-")).use((s, next) => {
      $.log("dynamic", s.nsp.name);
      next();
    }).on("connection", s => s.emit("welcome"));
  },
}, async t => {
  const a = t.client("a");
  for (const n of ["/x", "/", "/dyn-1"]) await t.known(await a.of(n).connected());
});

scenario("connecting again and again", { transports: ["websocket", "polling", "msgpack-websocket"], setup: io => io.of("/x").on("connection", s => s.emit("welcome")) }, async t => {
  const a = t.client("a");
  const root = await a.of("/").connected();
  const x = a.of("/x");
  for (let i = 1; i <= 3; i++) {
    await x.got("welcome", i);
    x.disconnect();
    await t.served(x, "disconnect", i);
    if (i < 3) x.io.connect();
  }
  await t.io(io => io.emit("the main one is there"));
  await root.got("the main one is there");
});

scenario("events before and while a namespace is entered", {
  setup: io => io.of("/x").on("connection", s => s.on("early", n => s.emit("heard", n))),
  transports: ["websocket", "polling", "upgrade", "eio3-websocket", "msgpack-websocket"],
}, async t => {
  const a = t.client("a").of("/x");
  a.emit("early", 1).emit("early", 2);
  await a.connected();
  a.emit("early", 3);
  await a.got("heard", 3);
});

scenario("what middleware and connection send arrives in order", {
  setup: io => io.on("connection", s => {
    s.emit("first", 1);
    s.join("r");
    io.to("r").emit("second", 2);
    s.emit("third", Buffer.from([3]));
    io.emit("fourth", 4);
    s.emit("fifth", 5);
  }),
  servers: 1,
}, async t => {
  const [a] = await t.connect("a");
  await a.got("fifth");
});
