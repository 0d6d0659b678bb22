// A Socket.IO server with the stand-in for the reference adapter, driven over its
// standard input. The Go server in ../server answers the same operations.
//
//   node server.js '{"discovery": "ws://…", "token": "…", "meshPort": 0, "httpPort": 0,
//                    "heartbeatInterval": 5000, "heartbeatTimeout": 10000, "parents": ["^/dyn-"]}'
import { createServer } from "node:http";
import { Server } from "socket.io";
import { say, serve } from "./control.js";
import { Mesh } from "./reference.js";

const HOST = "127.0.0.1";
const options = JSON.parse(process.argv[2]);
const mesh = new Mesh(options);
const http = createServer();
const io = new Server(http, { adapter: mesh.adapter(), serveClient: false, maxHttpBufferSize: 16 << 20 });
const parents = new Map((options.parents ?? []).map((pattern) => [pattern, io.of(new RegExp(pattern))]));
const opened = new Set();
const recorded = []; // {nsp, event, args}

// open makes a namespace ready: its listeners are there before its clients.
function open(nsp) {
  if (opened.has(nsp.name)) return;
  opened.add(nsp.name);
  const record = (event, args) => recorded.push({ nsp: nsp.name, event, args });
  nsp.on("note", (...args) => record("note", args));
  nsp.on("ask", (...args) => {
    const answer = args.pop();
    record("ask", args);
    answer({ server: mesh.uid, args });
  });
  nsp.on("ask all but", (silent, answer) => {
    if (silent !== mesh.uid) answer(mesh.uid);
  });
  nsp.on("blank", (...args) => args.pop()());
  nsp.on("connection", (socket) => {
    socket.on("join", (rooms, done) => {
      socket.join(rooms);
      done();
    });
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("pub", (...args) => nsp.emit("msg", ...args));
    socket.on("disconnect", (reason) => record("disconnect", [socket.id, reason]));
  });
}

open(io.of("/"));
io.on("new_namespace", open);
for (const parent of parents.values()) {
  parent.on("connection", (socket) => socket.emit("welcome", socket.nsp.name));
}

const namespace = (request) => (request.nsp === undefined || request.nsp === "/" ? io : io.of(request.nsp));

function localSocket({ nsp = "/", sid }) {
  const socket = io.of(nsp).sockets.get(sid);
  if (socket === undefined) throw new Error(`socket ${sid} is not here`);
  return socket;
}

// operator is what a request addresses: {parent | nsp, sid, to, except, flags}.
function operator(request) {
  const { to = [], except = [], flags = {}, sid, parent } = request;
  let target = parent === undefined ? namespace(request) : parents.get(parent);
  if (sid !== undefined) target = localSocket(request).broadcast;
  if (to.length > 0) target = target.to(to);
  if (except.length > 0) target = target.except(except);
  if (flags.volatile) target = target.volatile;
  if (flags.compress !== undefined) target = target.compress(flags.compress);
  if (flags.timeout !== undefined) target = target.timeout(flags.timeout);
  if (flags.local) target = target.local;
  return target;
}

// answers resolves to {value, error}: what is there counts beside an error.
function answers(ask) {
  const began = Date.now();
  return new Promise((resolve) =>
    ask((error, value) => resolve({ value: value ?? null, error: error?.message ?? null, ms: Date.now() - began })),
  );
}

async function handle(request) {
  const { nsp = "/", sid } = request;
  const found = await io.of(nsp).in(sid).fetchSockets();
  const remote = found.find((socket) => socket.id === sid);
  if (remote === undefined) throw new Error(`no socket ${sid} in the mesh`);
  return remote;
}

const isHere = ({ nsp = "/", sid }) => io.of(nsp).sockets.has(sid);

const operations = {
  open: ({ nsp }) => void io.of(nsp),
  emit: (request) => void operator(request).emit(...request.args),
  emitWithAck: (request) => answers((done) => operator(request).emit(...request.args, done)),
  fetchSockets: async (request) => {
    try {
      const found = await operator(request).fetchSockets();
      return { value: found.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake })), error: null };
    } catch (error) {
      return { value: [], error: error.message };
    }
  },
  setData: (request) => void (localSocket(request).data = request.data),
  socketsJoin: (request) => void operator(request).socketsJoin(request.rooms),
  socketsLeave: (request) => {
    for (const room of request.rooms) operator(request).socketsLeave(room);
  },
  disconnectSockets: (request) => void operator(request).disconnectSockets(request.close),

  remoteEmit: async (request) => void (await handle(request)).emit(...request.args),
  remoteEmitWithAck: async (request) => {
    const remote = await handle(request);
    return answers((done) => remote.timeout(request.timeout).emit(...request.args, done));
  },
  remoteJoin: async (request) => (await handle(request)).join(request.rooms),
  remoteLeave: async (request) => (await handle(request)).leave(request.rooms[0]),
  remoteDisconnect: async (request) => void (await handle(request)).disconnect(request.close),

  serverSideEmit: (request) => void namespace(request).serverSideEmit(...request.args),
  serverSideEmitWithAck: (request) => answers((done) => namespace(request).serverSideEmit(...request.args, done)),
  serverCount: ({ nsp = "/" }) => io.of(nsp).adapter.serverCount(),

  sockets: async ({ nsp = "/", rooms }) => (await (rooms.length > 0 ? io.of(nsp).in(rooms) : io.of(nsp)).fetchSockets()).map(({ id }) => id),
  socketRooms: async ({ nsp = "/", sid }) => {
    const found = await io.of(nsp).in(sid).fetchSockets();
    return found.filter(({ id }) => id === sid).map(({ rooms }) => [...rooms])[0];
  },
  addAll: (request) => void namespace(request).in(request.sid).socketsJoin(request.rooms),
  del: (request) => void namespace(request).in(request.sid).socketsLeave(request.rooms[0]),
  delAll: async (request) => {
    if (isHere(request)) return io.of(request.nsp ?? "/").adapter.delAll(request.sid);
    const remote = await handle(request);
    for (const room of remote.rooms) remote.leave(room);
  },

  localSockets: ({ nsp = "/" }) => [...io.of(nsp).sockets.keys()],
  peers: () => [...mesh.links.peers.keys()].sort(),
  recorded: ({ nsp = "/", event }) => recorded.filter((r) => r.nsp === nsp && r.event === event).map((r) => r.args),
  burst: ({ nsps, count, size = 0 }) => Promise.all(nsps.map((nsp) => burst(io.of(nsp), count, "x".repeat(size)))),
  shutdown: stop,
};

// burst sends count numbered messages, and lets other namespaces in between.
async function burst(nsp, count, padding) {
  for (let i = 0; i < count; i++) {
    nsp.emit("n", mesh.uid, i, padding);
    if (i % 10 === 9) await new Promise(setImmediate);
  }
}

let stopping;
function stop() {
  stopping ??= (async () => {
    await io.close(); // and with it the adapters, which say goodbye
    await mesh.close();
    setImmediate(() => process.exit(0));
  })();
  return stopping;
}

process.on("SIGTERM", stop);
await new Promise((resolve) => http.listen(options.httpPort ?? 0, HOST, resolve));
await mesh.start(HOST, options.meshPort ?? 0);
say({ ready: true, id: mesh.uid, url: `http://${HOST}:${http.address().port}`, mesh: mesh.address });
serve(operations, () => process.exit(0));
