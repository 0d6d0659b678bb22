// What is wrong with an application, or with what a client sends.
import { $, scenario } from "../scenario.js";

scenario("a listener that throws", {
  setup: io => io.on("connection", s => {
    s.on("bad", () => $.fail("no such thing"));
    s.on("ask", () => $.ack($.args));
    $.fail("nor this");
  }),
}, async t => {
  const [a] = await t.connect("a");
  await a.ask("ask", 1);
  a.emit("bad", 2);
  await a.ask("ask", 3);
});

scenario("a socket's middleware that throws", {
  setup: io => io.on("connection", s => {
    s.use((event, next) => $.if($.eq(event[0], "bad"), () => $.fail("no such thing"), () => next()));
    s.on("bad", () => s.log("let through"));
    s.on("ask", () => $.ack($.args));
  }),
}, async t => {
  const [a] = await t.connect("a");
  a.emit("bad", 1);
  await a.ask("ask", 2);
});

scenario("a middleware that throws", {
  transports: ["websocket", "polling", "upgrade"],
  setup: io => {
    io.of("/bad").use(() => $.fail("no such thing"));
    io.on("connection", s => s.on("ask", () => $.ack($.args)));
  },
}, async t => {
  const [a] = await t.connect("a");
  const bad = a.client.of("/bad");
  await t.until("it is refused", () => t.count(bad.actor, e => e[0] === "connect_error"), 3000).catch(() => {});
  await a.ask("ask", 1);
});

const rawTransports = { transports: ["websocket", "eio3-websocket"] };

// begin is a client without a library that has joined the main namespace.
async function begin(t) {
  const r = t.raw("a");
  await r.dial(`EIO=${t.eio3 ? 3 : 4}&transport=websocket`);
  if (!t.eio3) r.send("40");
  await r.frame("40");
  return r;
}

scenario("numbers that are too large", {
  ...rawTransports,
  setup: io => io.on("connection", s => s.on("echo", () => {
    s.log("got", $.args);
    s.emit("echo", $.args);
  })),
}, async t => {
  const r = await begin(t);
  r.send('42["echo",1e999,-1e999,[1e400],{"n":-1e400},1e-999,123456789012345678901234567890]');
  await r.frame("42");
});

for (const depth of [1000, 5000, 20000])
  scenario(`lists in lists, ${depth} deep`, { transports: depth > 10_000 ? ["websocket"] : rawTransports.transports, options: { quiet: true }, setup: io => io.on("connection", s => s.on("ask", () => $.ack("fine"))) }, async t => {
    const r = await begin(t);
    r.send('420["ask",' + "[".repeat(depth) + "]".repeat(depth) + "]", '421["ask",' + '{"a":'.repeat(depth) + "0" + "}".repeat(depth) + "]");
    await t.until("it is answered, or the client is gone", () => t.count("a", e => e[0] === "closed" || String(e[1]).startsWith("431")));
  });
