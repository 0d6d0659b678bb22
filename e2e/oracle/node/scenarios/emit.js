// What a server sends to many.
import { $, scenario } from "../scenario.js";

export const rooms = io => {
  io.on("connection", s => {
    s.on("join", (room, ack) => {
      s.join(room);
      ack(s.rooms);
    });
    s.on("leave", (room, ack) => {
      s.leave(room);
      ack(s.rooms);
    });
  });
};

scenario("emit to everybody", { setup: rooms }, async t => {
  const [a, b, c] = await t.connect("a", "b", "c");
  await t.io(io => {
    io.emit("hello", 1, "two", { three: [3] });
    io.of("/").emit("again");
    io.emit("no arguments");
    io.send("a message", 2);
  });
  for (const s of [a, b, c]) await s.got("message");
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
    io.except(["r", "s"]).emit("except both");
    io.to("r").except("s").emit("r without s");
    io.to(["r", "s"]).except(["r"]).emit("list without r");
    io.to("r").except("nobody").emit("r without nobody");
  });
});

scenario("a room that was left", { setup: rooms }, async t => {
  const [a, b] = await t.connect("a", "b");
  await a.ask("join", "r");
  await b.ask("join", "r");
  await a.ask("leave", "r");
  await a.ask("leave", "never joined");
  await t.io(io => io.to("r").emit("one"));
  await b.got("one");
  await a.ask("join", "r");
  await a.ask("join", "r");
  await t.io(io => io.to("r").emit("two"));
});

scenario("the own room of a socket", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.io(io => io.to(a.id).emit("private", 1));
  await t.io(io => io.except(b.id).emit("to all but b"));
  await t.at(a, s => s.to(b.id).emit("from a"));
  await t.at(a, s => s.to(a.id).emit("to myself"));
  await t.at(a, s => s.leave(s.id));
  await t.io(io => io.to(a.id).emit("left the own room"));
  await t.io(io => io.emit("to all"));
});

scenario("the modifiers", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.io(io => {
    io.compress(true).emit("compressed", "x".repeat(2000));
    io.compress(false).emit("not compressed", "x".repeat(2000));
    io.to(a.id).compress(false).except("x").emit("to one");
  });
  await a.got("to one");
  await b.got("not compressed");
  await t.at(b, s => {
    s.compress(false).emit("from the socket", 1);
    s.broadcast.compress(true).emit("from b");
    s.to(a.id).compress(true).emit("to a");
  });
});

scenario("many events keep their order", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.io(io => $.repeat(200, i => io.emit("n", i)));
  await t.at(a, s => $.repeat(200, i => s.emit("mine", i)));
  await a.got("mine", 200);
  await b.got("n", 200);
});

scenario("socket.emit and io.emit in turn keep their order", {}, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s =>
    $.repeat(50, i => {
      s.emit("one", i);
      s.nsp.emit("all", i);
      s.emit("bytes", Buffer.from([1, 2, 3]), i);
      s.nsp.to(s.id).emit("room", Buffer.from([4]), Buffer.from([5]));
    }),
  );
  await a.got("room", 50);
});

scenario("big and small", {}, async t => {
  const [a, b] = await t.connect("a", "b");
  await t.io(io => {
    io.emit("big", "0123456789".repeat(40_000));
    io.emit("small", 1);
    io.emit("big bytes", Buffer.alloc(300_000, 7));
    io.emit("unicode", "é€😀\u0000\u2028\"\\".repeat(2_000));
  });
  await a.got("unicode");
  await b.got("unicode");
});

// A volatile event is for clients that take it at once: those on WebSocket with nothing
// under way.
scenario("volatile and local", { transports: "-polling" }, async t => {
  const [a] = await t.connect("a");
  await t.io(io => io.local.emit("local", 1));
  await t.io(io => io.local.to(a.id).emit("local to a room", 2));
  await t.settle();
  await t.writable(a);
  await t.io(io => io.volatile.emit("volatile", 3));
  await a.got("volatile");
  await t.writable(a);
  await t.io(io => io.to(a.id).volatile.emit("volatile to a room", 4));
  await a.got("volatile to a room");
  await t.writable(a);
  await t.at(a, s => s.volatile.emit("from the socket", 5));
  await a.got("from the socket");
});
