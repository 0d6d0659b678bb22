// Connection state recovery, as far as servers of a cluster have it.
import { $, scenario } from "../scenario.js";

const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };
const transports = ["websocket", "polling"];

const setup = io => {
  io.use((s, next) => {
    $.log("middleware");
    next();
  });
  io.on("connection", s => {
    s.log("recovered", s.recovered);
    s.on("join", (room, ack) => {
      s.join(room);
      s.setData({ room });
      ack();
    });
  });
};

scenario("recovery: a new session", { transports, options: recovery, servers: 1, setup }, async t => {
  const [a] = await t.connect("a");
  await t.at(a, s => s.log("rooms", s.rooms, s.recovered));
  a.disconnect();
  await t.served(a, "disconnect");
  a.io.connect();
  await a.saw("connect", 2);
  await t.served(a, "connection", 2);
});

scenario("recovery: what comes with a session", { transports: ["websocket"], options: recovery, servers: 1, setup }, async t => {
  const r = t.raw("a");
  await r.dial();
  r.send("40");
  await r.frame("40");
  await t.served({ actor: "a" }, "recovered");
});

scenario("recovery: an offset comes with each event", { transports, options: recovery, servers: 1, setup }, async t => {
  const [a] = await t.connect("a");
  a.frozen = true; // offsets are different each time
  a.on("x", (...args) => t.note("arguments", args.length));
  await t.io(io => io.emit("x", 1));
  await t.saw("scenario", "arguments");
});

scenario("recovery: a session that nobody knows", { transports, options: recovery, servers: 1, setup }, async t => {
  const a = t.client("a").of("/");
  a.io._pid = "unknown";
  a.io._lastOffset = "unknown";
  await a.connected();
  await t.known(a);
});
