// What can be sent, and what becomes of it.
import { $, scenario } from "../scenario.js";

const echo = io => io.on("connection", s => {
  s.on("echo", () => s.emit("echo", $.args));
  s.on("ask", () => $.ack($.args));
});

const values = {
  numbers: [0, -0, 1.5, -1e-7, 1e21, 123456789012, 0.1],
  text: ["", "a", "é€😀", "\u0000\u001f", "\"\\/", "<b>&'\u2028\u2029"],
  nested: [{ a: [1, { b: [[], {}, [{}]] }], "": "empty key", "é": 1, "a.b": null }],
  nothing: [null, [null], { a: null }],
  booleans: [true, false],
  prototype: [{ constructor: 1, toString: "x", length: 0 }],
};

for (const [name, list] of Object.entries(values)) {
  scenario(`values: ${name}, there and back`, { setup: echo, transports: name === "numbers" ? "-upgrade -msgpack" : "-upgrade" }, async t => {
    const [a] = await t.connect("a");
    a.emit("echo", ...list);
    await a.got("echo");
    await a.ask("ask", ...list);
    await t.io(io => io.emit("to all", ...list));
    await t.at(a, s => s.emit("to one", ...list));
    await a.got("to one");
  });
}

scenario("values: what JSON has not", { setup: echo, transports: "-msgpack" }, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.at(a, s => {
    s.emit("to one", NaN, Infinity, -Infinity, [NaN], { n: NaN, i: [-Infinity] });
    s.nsp.emit("to all", NaN, [Infinity], { n: NaN });
    s.nsp.to(s.id).emit("to a room", { deep: [{ n: NaN }] });
    s.emit("functions", $.func, [$.func, 1], { f: $.func, g: 2 }, 3);
    s.nsp.emit("functions to all", [$.func], { f: $.func }, 3);
  });
  await a.got("functions to all");
});

scenario("values: what JSON has not, in answers and data", {
  transports: "-msgpack",
  setup: io => io.on("connection", s => s.on("ask", ack => ack(NaN, [Infinity], { f: $.func, n: NaN }))),
}, async t => {
  const [a] = await t.connect("a");
  await a.ask("ask");
});

scenario("values: dates", { transports: "websocket".split(" ") }, async t => {
  const [a] = await t.connect("a");
  await t.io(io => io.emit("date", new Date(1704164645006), { d: [new Date(1704164645123)] }));
  await a.got("date");
});

scenario("bytes, there and back", { setup: echo, transports: "eio3-polling msgpack-polling" }, async t => {
  const [a] = await t.connect("a");
  const few = Buffer.from([0, 1, 255]);
  a.emit("echo", few);
  await a.got("echo");
  a.emit("echo", "text", few, { deep: [Buffer.from("x"), { er: Buffer.from("yz") }] }, Buffer.alloc(0));
  await a.got("echo", 2);
  a.emit("echo", Buffer.alloc(100_000, 5));
  await a.got("echo", 3);
  await a.ask("ask", few, [few, few]);
});

scenario("bytes of a client go to several, several times", {
  setup: io => io.on("connection", s => {
    s.on("pass on", (data, more) => {
      s.nsp.emit("to all", data, data);
      s.broadcast.emit("to the others", data, more);
      s.to("r").emit("to r", [data]);
      s.emit("back", { data, more });
      s.setData({ kept: data });
    });
    s.on("kept", ack => ack(s.data));
    s.on("question", (data, ack) => ack(data, data));
  }),
}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.at(b, s => s.join("r"));
  a.emit("pass on", Buffer.from("data"), { in: Buffer.from("more") });
  await a.got("back");
  await a.ask("kept");
  await a.ask("kept");
  await a.ask("question", Buffer.from("q"));
});

scenario("a buffer of the application is sent again and again", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.io(io => $.set("buffer", $.buffer(Buffer.from("once"))));
  for (let i = 0; i < 2; i++)
    await t.io(io => {
      io.emit("to all", $.get("buffer"), { again: $.get("buffer") });
      io.to(a.id).emit("to a", $.get("buffer"));
    });
  await t.io(io => $.log("afterwards", $.get("buffer")));
  await a.got("to a", 2);
  await b.got("to all", 2);
});

scenario("bytes in auth", {
  transports: ["msgpack-websocket", "msgpack-polling"],
  setup: io => io.on("connection", s => s.emit("auth", s.handshake.auth)),
}, async t => {
  const a = await t.client("a").of("/", { auth: { key: Buffer.from([1, 2]) } }).connected();
  await a.got("auth");
  await t.known(a);
});

scenario("bytes in acknowledgements of clients", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  for (const s of [a, b]) s.on("x", (data, ack) => ack({ of: s.client.name, data, more: [Buffer.from("more")] }));
  const answers = await t.io(io => io.timeout(60_000).emitWithAck("x", Buffer.from("data")));
  t.note("answers", answers.sort((x, y) => (x.of < y.of ? -1 : 1)));
  t.note("one", await t.at(a, s => s.timeout(60_000).emitWithAck("x", Buffer.from("data"))));
});

scenario("an answer of a client is sent on", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  a.on("x", ack => ack({ data: Buffer.from("bytes"), n: 1.5, list: [null] }));
  await t.at(a, s => s.timeout(60_000).emit("x", (err, answer) => {
    s.nsp.emit("passed on", answer, answer);
    s.setData({ answer });
    s.emit("once more", s.data);
  }));
  await a.got("once more");
  await b.got("passed on");
});

scenario("many attachments", { transports: ["websocket", "polling", "upgrade", "eio3-websocket"], setup: echo }, async t => {
  const [a] = await t.connect("a");
  const list = Array.from({ length: 9 }, (_, i) => Buffer.from([i]));
  a.emit("echo", ...list);
  await a.got("echo");
  await t.io(io => io.emit("to all", ...Array.from({ length: 10 }, (_, i) => Buffer.from([i, i]))));
  await t.io(io => io.emit("last", Array.from({ length: 10 }, (_, i) => ({ i, data: Buffer.from([i]) }))));
  await a.got("last");
});

scenario("more attachments than usual, from a client", { transports: ["websocket", "polling"], setup: echo }, async t => {
  const [a] = await t.connect("a");
  a.emit("echo", ...Array.from({ length: 30 }, (_, i) => Buffer.from([i])));
  await t.until("it is answered, or the client is gone", () => !a.io.connected || t.count("a", e => e[1] === "echo"));
});

scenario("a placeholder that is none", { setup: echo }, async t => {
  const [a] = await t.connect("a");
  a.emit("echo", { _placeholder: false, num: 0 }, { num: 1 });
  await a.got("echo");
  await t.io(io => io.emit("x", { _placeholder: false, num: 3 }));
  await a.got("x");
});

scenario("deep values", { setup: echo, transports: "-msgpack" }, async t => {
  const [a] = await t.connect("a");
  let deep = "bottom";
  for (let i = 0; i < 60; i++) deep = i % 2 ? [deep] : { deep };
  a.emit("echo", deep);
  await a.got("echo");
  await t.io(io => io.emit("to all", deep));
  await a.got("to all");
});

scenario("long lists and wide objects", { setup: echo, transports: ["websocket", "polling", "msgpack-websocket"] }, async t => {
  const [a] = await t.connect("a");
  const list = Array.from({ length: 3000 }, (_, i) => i * 1.25), object = Object.fromEntries(list.map(i => ["k" + i, i]));
  a.emit("echo", list, object);
  await a.got("echo");
  await t.io(io => io.emit("to all", list, object));
  await a.got("to all");
});
scenario("values: what cannot be sent", { transports: "-msgpack -eio3" }, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.at(a, s => {
    s.log("to one", $.attempt(() => s.emit("cycle", $.cycle)));
    s.log("to all", $.attempt(() => s.nsp.emit("cycle", [1, $.cycle])));
    s.log("to a room", $.attempt(() => s.nsp.to(s.id).emit("cycle", { in: $.cycle })));
    s.log("reserved", $.attempt(() => s.emit("disconnect", 1)), $.attempt(() => s.nsp.emit("connect")), $.attempt(() => s.to("r").emit("disconnecting")));
    s.emit("afterwards");
    s.nsp.emit("to all afterwards");
  });
  await a.got("to all afterwards");
  await b.got("to all afterwards");
});

