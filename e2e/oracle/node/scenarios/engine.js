// Engine.IO and HTTP: what servers say to requests, good and bad.
import { $, scenario } from "../scenario.js";

// The order of what a header lists says nothing.
const inOrder = header => header?.split(", ").sort().join(", ");

const here = { transports: ["polling"], servers: 1 };

const errors = io => {
  io.engine.on("connection_error", e => $.log("connection_error", e.code, e.message));
  io.on("connection", s => s.on("echo", () => s.emit("echo", $.args)));
};

const requests = {
  "an unknown transport": r => r.get("EIO=4&transport=carrier-pigeon"),
  "no transport": r => r.get("EIO=4"),
  "an unknown sid": r => r.get("EIO=4&transport=polling&sid=unknown"),
  "an unknown sid, posted": r => r.post("2", "EIO=4&transport=polling&sid=unknown"),
  "a handshake by POST": r => r.post("", "EIO=4&transport=polling"),
  "a handshake by PUT": r => r.request("PUT", "EIO=4&transport=polling"),
  "a handshake by HEAD": r => r.request("HEAD", "EIO=4&transport=polling"),
  "an unsupported version": r => r.get("EIO=3&transport=polling"),
  "no version": r => r.get("transport=polling"),
  "a strange version": r => r.get("EIO=9&transport=polling"),
  "a websocket by GET": r => r.get("EIO=4&transport=websocket"),
};
for (const [name, request] of Object.entries(requests))
  scenario(`requests: ${name}`, { ...here, setup: errors }, async t => {
    const r = t.raw("a");
    await request(r);
  });

scenario("requests: OPTIONS", { ...here, setup: errors }, async t => {
  await t.raw("a").request("OPTIONS", "EIO=4&transport=polling", { headers: { origin: "http://x" } });
});

const upgrades = {
  "an unknown transport": "EIO=4&transport=carrier-pigeon",
  "an unknown sid": "EIO=4&transport=websocket&sid=unknown",
  "an unsupported version": "EIO=3&transport=websocket",
  "a strange version": "EIO=9&transport=websocket",
  "polling": "EIO=4&transport=polling",
};
for (const [name, query] of Object.entries(upgrades))
  scenario(`WebSocket requests: ${name}`, { transports: ["websocket"], servers: 1, opened: true, setup: errors }, async t => {
    const r = t.raw("a");
    await r.dial(query);
    await r.gone();
  });

scenario("WebSocket requests: an origin that is another's", { transports: ["websocket"], servers: 1, options: { cors: { origin: "http://mine" } } }, async t => {
  for (const [name, origin] of [["mine", "http://mine"], ["other", "http://other"], ["none", undefined]]) {
    const r = t.raw(name);
    r.quiet = true;
    await r.dial(undefined, { origin });
    t.note("origin", name, r.open ? "let in" : "refused");
  }
});

scenario("polling by hand", { transports: ["polling"], setup: errors }, async t => {
  const r = t.raw("a");
  await r.get(undefined, { show: ["content-type", "cache-control"] });
  await r.post("40", undefined, { show: ["content-type"] });
  await r.get();
  await r.post('42["echo",1]\x1e42["echo","é"]');
  await r.polls("é");
  await r.post("2ping");
  const poll = r.get();
  await poll;
  await r.post("1");
  await r.get();
  await t.served({ actor: "a" }, "disconnect");
});

scenario("polling by hand, version 3", { transports: ["eio3-polling"], setup: errors }, async t => {
  const r = t.raw("a"), query = "EIO=3&transport=polling";
  await r.get(query, { show: ["content-type"] });
  await r.get(query);
  await r.post('12:42["echo",1]14:42["echo","é"]', query);
  await r.polls("é", query);
  await r.post("1:2", query);
  await r.get(query);
  await r.post("1:1", query);
  await r.get(query);
  await t.served({ actor: "a" }, "disconnect");
});

scenario("polling: two polls at once", { transports: ["polling"], servers: 1, setup: errors }, async t => {
  const r = t.raw("a");
  await r.get();
  await r.post("40");
  await r.get();
  await t.served({ actor: "a" }, "connection");
  r.quiet = true;
  const one = r.get(), two = r.get();
  const statuses = [(await one).status, (await two).status].sort();
  t.note("statuses", statuses);
  await t.served({ actor: "a" }, "disconnect");
});

for (const [name, body] of Object.entries({
  "rubbish": "rubbish",
  "nothing": "",
  "a packet of no type": "4x",
  "no JSON": '42["echo"',
  "a bad packet behind a good one": '42["echo",1]\x1ex',
}))
  scenario(`polling: a post of ${name}`, { transports: ["polling"], servers: 1, setup: errors }, async t => {
    const r = t.raw("a");
    await r.get();
    await r.post("40");
    await r.get();
    await t.served({ actor: "a" }, "connection");
    await r.post(body);
    await r.post('4277["~ping"]');
    // Either it is still heard, or it is gone.
    const { status } = await r.get();
    if (status === 400) await t.served({ actor: "a" }, "disconnect");
  });

scenario("polling: a post of wrong lengths, version 3", { transports: ["eio3-polling"], servers: 1, setup: errors }, async t => {
  const r = t.raw("a"), query = "EIO=3&transport=polling";
  await r.get(query);
  await r.get(query);
  await t.served({ actor: "a" }, "connection");
  await r.post('14:42["echo",1]', query);
  await r.post("1:2", query);
  await t.served({ actor: "a" }, "disconnect");
});

scenario("polling: a post that is too large", { transports: ["polling"], servers: 1, options: { maxHttpBufferSize: 500 }, setup: errors }, async t => {
  const r = t.raw("a");
  await r.get();
  await r.post("40");
  await r.get();
  await t.served({ actor: "a" }, "connection");
  await r.post(`42["echo","${"x".repeat(300)}"]`);
  await r.get();
  r.quiet = true; // whether the answer can be read is another matter
  t.note("status", (await r.post(`42["echo","${"x".repeat(3000)}"]`)).status ?? "none");
  await t.served({ actor: "a" }, "disconnect");
});

scenario("polling: binary posts", { transports: ["polling"], servers: 1, setup: errors }, async t => {
  const r = t.raw("a");
  await r.get();
  await r.post("40");
  await r.get();
  await r.post('451-["echo",{"_placeholder":true,"num":0}]\x1ebAQID');
  await r.polls("bAQID");
});

scenario("cookies", { ...here, options: { cookie: { name: "io", path: "/", httpOnly: true, sameSite: "lax" } } }, async t => {
  const r = t.raw("a");
  const { headers } = await r.get();
  r.write("cookie", headers["set-cookie"].join(";"));
  await r.post("40");
  const next = await r.get();
  r.write("again", next.headers["set-cookie"] ?? null);
});

scenario("cookies of WebSockets", { transports: ["websocket"], servers: 1, opened: true, options: { cookie: { name: "io" } } }, async t => {
  const r = t.raw("a");
  await r.dial(undefined, { heard: headers => r.write("cookie", headers["set-cookie"] ?? null) });
});

scenario("cross-origin requests", { ...here, options: { cors: { origin: "http://mine", credentials: true } } }, async t => {
  const r = t.raw("a"), show = ["access-control-allow-origin", "access-control-allow-credentials", "vary"];
  r.quiet = true;
  for (const origin of ["http://mine", "http://other"]) {
    const { headers } = await r.get("EIO=4&transport=polling&fresh", { headers: { origin } });
    for (const h of show) t.note(origin, h, inOrder(headers[h]));
  }
  const preflight = await r.request("OPTIONS", "EIO=4&transport=polling&fresh", {
    headers: { origin: "http://mine", "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
  });
  for (const h of [...show, "access-control-allow-methods", "access-control-allow-headers"]) t.note("preflight", h, inOrder(preflight.headers[h]));
  t.note("preflight", preflight.status, preflight.body);
});

scenario("headers of the application", {
  transports: ["polling", "websocket"],
  servers: 1,
  opened: true,
  setup: io => {
    io.engine.on("initial_headers", headers => $.header(headers, "x-first", "1"));
    io.engine.on("headers", headers => $.header(headers, "x-each", "2"));
  },
}, async t => {
  const r = t.raw("a"), show = ["x-first", "x-each"];
  if (t.transport === "websocket") {
    await r.dial(undefined, { heard: headers => show.forEach(h => r.write(h, headers[h])) });
    return;
  }
  await r.get(undefined, { show });
  await r.post("40", undefined, { show });
  await r.get(undefined, { show });
});

scenario("headers of the application, in the first answer of a server", {
  transports: ["polling", "websocket"],
  servers: 1,
  setup: io => io.engine.on("initial_headers", headers => $.header(headers, "X-First", "1")),
}, async t => {
  const r = t.raw("a");
  r.quiet = true;
  if (t.transport === "websocket") await r.dial();
  const headers = r.upgradeHeaders ?? (await r.get()).headers;
  t.note("X-First", headers["x-first"]);
});

scenario("allowRequest", { transports: ["polling", "websocket", "eio3-polling"], options: { denied: true }, setup: errors }, async t => {
  const [a] = await t.connect("a");
  const b = t.client("b", { query: { why: "denied" } }).of("/");
  await b.saw(t.eio3 ? "no connection" : "connect_error");
  if (t.transport === "polling") await t.raw("c").get("EIO=4&transport=polling&denied");
  if (t.transport === "websocket") await t.raw("c").dial("EIO=4&transport=websocket&denied");
});

scenario("middleware of the engine", {
  transports: ["polling", "websocket", "upgrade"],
  setup: io => io.engine.use((req, res, next) => {
    $.log("middleware");
    next();
  }),
  servers: 1,
}, async t => {
  const r = t.raw("a");
  if (t.transport === "websocket") await r.dial();
  else await r.get();
});

scenario("events of the engine", { transports: ["websocket", "polling"], servers: 1, setup: io => {
  io.engine.on("connection", c => $.log("connection", c.protocol, c.transport.name));
  io.on("connection", s => s.conn.on("close", reason => s.log("close", reason)));
} }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => s.log("protocol", s.conn.protocol, s.conn.readyState));
  await t.at(a, s => s.conn.close());
  await a.saw("disconnect");
  await t.served(a, "disconnect");
});

scenario("packets and the upgrade, as the engine sees them", { transports: ["upgrade"], servers: 1, setup: io =>
  // A client may begin with the upgrade before it connects to a namespace.
  io.engine.on("connection", c => {
    c.on("upgrading", transport => $.log("upgrading", transport.name));
    c.on("upgrade", transport => $.log("upgrade", transport.name));
  }) }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => s.log("transport", s.conn.transport.name));
});

scenario("an upgrade by hand", { transports: ["websocket"], servers: 1, setup: errors }, async t => {
  const r = t.raw("a");
  await r.get("EIO=4&transport=polling");
  await r.post("40");
  await r.get();
  await r.dial(`EIO=4&transport=websocket&sid=${r.sid}`);
  const poll = r.get(undefined, { quiet: true }); // the server ends it while the transport changes
  r.send("2probe");
  await r.frame("3probe");
  const { status, body } = await poll;
  r.write("the poll", status, body);
  r.send("5");
  r.send('42["echo","over the websocket"]');
  await r.frame("42");
  await r.get(); // this transport has gone
});

scenario("an upgrade that is not gone through with", { transports: ["websocket"], servers: 1, options: { upgradeTimeout: 2000 }, setup: errors }, async t => {
  const r = t.raw("a");
  await r.get("EIO=4&transport=polling");
  await r.post("40");
  await r.get();
  await r.dial(`EIO=4&transport=websocket&sid=${r.sid}`);
  r.send("2probe");
  await r.frame("3probe");
  await r.saw("closed");
  await r.post('42["echo","still there"]');
  await r.get();
});

scenario("a second upgrade", { transports: ["websocket"], servers: 1, setup: errors }, async t => {
  const r = t.raw("a"), second = t.raw("b");
  await r.get("EIO=4&transport=polling");
  await r.post("40");
  await r.get();
  await r.dial(`EIO=4&transport=websocket&sid=${r.sid}`);
  r.send("2probe");
  await r.frame("3probe");
  r.send("5", '42["echo",1]');
  await r.frame("42");
  await second.dial(`EIO=4&transport=websocket&sid=${r.sid}`);
  await second.gone();
  r.send('42["echo","the first is there"]');
  await t.until("the second answer", () => t.count("a", e => e[0] === "frame" && e[1] === "42") === 2);
});

scenario("upgrades are not allowed", { transports: ["polling"], servers: 1, options: { allowUpgrades: false } }, async t => {
  await t.raw("a").get();
});

scenario("only some transports", { transports: ["polling", "websocket"], servers: 1, options: { transports: ["websocket"] }, setup: errors }, async t => {
  const r = t.raw("a");
  if (t.transport === "polling") await r.get();
  else await r.dial();
});

scenario("another path", { transports: ["websocket", "polling"], options: { path: "/my/path" } }, async t => {
  const a = await t.client("a", { path: "/my/path" }).of("/").connected();
  await t.known(a);
  const b = t.client("b").of("/");
  await b.saw("connect_error");
});

scenario("the usual options of a handshake", { transports: ["polling", "websocket"], servers: 1, usualTimes: true }, async t => {
  const r = t.raw("a");
  if (t.transport === "polling") await r.get();
  else await r.dial();
});

scenario("the options of a handshake", { transports: ["polling", "websocket"], servers: 1, options: { pingInterval: 1234, pingTimeout: 567, maxHttpBufferSize: 89_000 } }, async t => {
  const r = t.raw("a");
  if (t.transport === "polling") await r.get();
  else await r.dial();
});

scenario("compressed", { transports: ["websocket", "polling", "upgrade"], options: { perMessageDeflate: { threshold: 100 } }, setup: errors }, async t => {
  const [a, b] = await t.connect("a", "b");
  a.emit("echo", "x".repeat(5000), Buffer.alloc(3000, 1));
  await a.got("echo");
  await t.io(io => {
    io.emit("long", "y".repeat(10_000));
    io.emit("short", 1);
    io.compress(false).emit("not compressed", "z".repeat(5000));
  });
  await b.got("not compressed");
});
