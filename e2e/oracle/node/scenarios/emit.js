import { $, scenario } from "../scenario.js";

const rooms = io => io.on("connection", s => s.on("join", (room, ack) => { s.join(room); ack(s.rooms); }));

scenario("emit to everybody", { setup: rooms }, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await t.io(io => {
    io.emit("hello", 1, "two", { three: [3] });
    io.of("/").emit("again");
  });
  for (const s of [a, b, c]) await s.got("again");
});

scenario("rooms: to, in, several rooms once, except", { setup: rooms }, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await a.ask("join", "r");
  await b.ask("join", "r");
  await b.ask("join", "s");
  await c.ask("join", "s");
  await t.io(io => {
    io.to("r").emit("to r");
    io.in("s").emit("in s");
    io.to("r").to("s").emit("chained");
    io.to(["r", "s"]).emit("list");
    io.to("nobody").emit("nobody");
    io.except("r").emit("except r");
    io.to("r").except("s").emit("r without s");
    io.to(["r", "s"]).except(["r"]).emit("list without r");
  });
});
