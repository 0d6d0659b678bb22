// Acknowledgements, in both directions.
import { $, scenario } from "../scenario.js";

// answer makes a client answer.
const answer = (s, event, f = (...args) => args.slice(0, -1)) => s.on(event, (...args) => args.at(-1)(...[].concat(f(...args))));

scenario("a client asks", {
  setup: io => io.on("connection", s => {
    s.on("one", ack => ack(1));
    s.on("none", ack => ack());
    s.on("several", ack => ack(1, "two", { three: 3 }));
    s.on("twice", ack => {
      ack("first");
      ack("second");
    });
    s.on("bytes", (data, ack) => ack(data, { again: data }));
    s.on("null", ack => ack(null));
  }),
}, async t => {
  const [a] = await t.connect("a");
  for (const event of ["one", "none", "several", "twice", "null"]) await a.ask(event);
  await a.ask("bytes", Buffer.from([1, 2, 3]));
});

scenario("a server asks one", {}, async t => {
  const [a] = await t.connect("a");
  answer(a, "one", () => [1]);
  answer(a, "none", () => []);
  answer(a, "several", () => [1, 2, 3]);
  answer(a, "echo");
  for (const event of ["one", "none", "several"]) t.note(event, await t.at(a, s => s.timeout(60_000).emitWithAck(event)));
  t.note("echo", await t.at(a, s => s.timeout(60_000).emitWithAck("echo", { a: [1, null] }, "not this")));
  t.note("bytes", await t.at(a, s => s.timeout(60_000).emitWithAck("echo", Buffer.from("bytes"))));
  t.note("without a timeout", await t.at(a, s => s.emitWithAck("echo", "x")));
});

scenario("a server asks one, with a callback", {}, async t => {
  const [a] = await t.connect("a");
  answer(a, "several", () => [1, 2, 3]);
  answer(a, "none", () => []);
  await t.at(a, s => s.emit("several", (one, two, three) => s.log("callback", one, two, three)));
  await t.served(a, "callback");
  await t.at(a, s => s.emit("none", () => s.log("empty callback", $.args)));
  await t.served(a, "empty callback");
  await t.at(a, s => s.timeout(60_000).emit("several", (err, one) => s.log("with a timeout", err, one)));
  await t.served(a, "with a timeout");
  await t.at(a, s => s.timeout(30).emit("not answered", err => s.log("too late", err)));
  await t.served(a, "too late");
});

scenario("nobody answers", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  answer(b, "ask", () => ["from b"]);
  t.note("one", await t.failure(t.at(a, s => s.timeout(40).emitWithAck("ask"))));
  t.note("all", await t.failure(t.io(io => io.timeout(10_000).emitWithAck("ask"))));
  t.note("a room without members", await t.failure(t.io(io => io.to("nobody").timeout(3000).emitWithAck("ask"))));
});

scenario("a server asks everybody", {}, async t => {
  const sockets = await t.connect("a", "b", "c");
  for (const s of sockets) answer(s, "who", () => [s.client.name, "not this"]);
  const sorted = list => [...list].sort();
  t.note("all", sorted(await t.io(io => io.timeout(60_000).emitWithAck("who"))));
  await t.at(sockets[1], s => s.join("r"));
  await t.at(sockets[2], s => s.join("r"));
  t.note("room", sorted(await t.io(io => io.to("r").timeout(60_000).emitWithAck("who", 1, 2))));
  t.note("room, once more", sorted(await t.io(io => io.of("/").in("r").timeout(60_000).emitWithAck("who"))));
  t.note("from a socket", sorted(await t.at(sockets[1], s => s.broadcast.timeout(60_000).emitWithAck("who"))));
  t.note("except", sorted(await t.io(io => io.except("r").timeout(60_000).emitWithAck("who"))));
  t.note("nobody", await t.io(io => io.to("nobody").timeout(60_000).emitWithAck("who")));
});

scenario("answers of everybody: bytes, nothing, null", {}, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  answer(a, "x", () => [Buffer.from([1, 2, 3])]);
  answer(b, "x", () => []);
  answer(c, "x", () => [null]);
  const answers = await t.io(io => io.timeout(60_000).emitWithAck("x", Buffer.from("to all")));
  t.note("answers", answers.length, answers.filter(v => Buffer.isBuffer(v)), answers.filter(v => v === null || v === undefined).length);
  await t.io(io => io.timeout(60_000).emit("x", (err, list) => io.log("callback", err, list.length)));
  await t.noted("callback");
});

scenario("a client leaves instead of answering", { transports: ["websocket", "polling"] }, async t => {
  const [a, b] = await t.connect("a", "b");
  answer(b, "x", () => ["b"]);
  a.on("x", () => a.disconnect());
  const all = t.failure(t.io(io => io.timeout(3000).emitWithAck("x")));
  await t.served(a, "disconnect");
  t.note("all", await all);
  const asking = t.failure(t.at(b, s => s.timeout(3000).emitWithAck("y")));
  b.on("y", () => b.disconnect());
  t.note("one", await asking);
});

scenario("many questions at once", { transports: ["websocket", "polling", "upgrade", "eio3-websocket"] }, async t => {
  const [a, b] = await t.connect("a", "b");
  for (const s of [a, b]) answer(s, "n", n => [n]);
  await t.at(a, s => $.repeat(50, i => s.emit("n", i, n => s.log("answer", n))));
  await t.served(a, "answer", 50);
  for (const s of [a, b]) answer(s, "~n", n => [n]);
  t.note("answers", await Promise.all(Array.from({ length: 20 }, (_, i) => t.io(io => io.timeout(60_000).emitWithAck("~n", i)))));
});

scenario("an event with an acknowledgement before and after others", {
  setup: io => io.on("connection", s => s.on("ask", (n, ack) => {
    s.emit("before", n);
    ack(n);
    s.emit("after", n);
  })),
}, async t => {
  const [a] = await t.connect("a");
  for (let i = 0; i < 10; i++) a.io.emit("ask", i, n => a.note("answer", n));
  await a.got("after", 10);
});
