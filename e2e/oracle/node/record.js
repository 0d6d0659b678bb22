// Server steps are written as JavaScript, recorded, and run by a server in either
// language: `io => io.to("r").emit("x", 1)` is called once with a stand-in for the
// server, which notes the calls. What is noted is a program: a list of calls, each of
// which may use what an earlier one has returned, and functions that are programs again.
import { encode } from "./values.js";

const spec = Symbol("spec");
let block; // the list of calls of the function that is recorded now
let last = 0;

// standIn is a value that only the server has.
function standIn(expr) {
  return new Proxy(function () {}, {
    get(_, name) {
      if (name === spec) return expr;
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      return standIn({ $get: [expr, name] });
    },
    apply(_, __, args) {
      return expr.$get ? call(expr.$get[0], expr.$get[1], args) : call(expr, "()", args);
    },
  });
}

function call(target, name, args) {
  if (!block) throw new Error(`${name} is called outside of a server step`);
  const id = ++last;
  block.push({ id, target, name, args: args.map(express) });
  return standIn({ $ref: id });
}

// express writes a value down, with stand-ins and functions as what they mean.
function express(value) {
  return encode(value, v => {
    if (v === null || v === undefined) return undefined;
    if (v[spec]) return v[spec];
    if (typeof v === "function") return { $fn: record(v) };
    return undefined;
  });
}

// record makes a program of a function. Its parameters are the server's business.
export function record(f) {
  const outer = block;
  block = [];
  try {
    const params = Array.from({ length: f.length }, () => ++last);
    const result = f(...params.map(id => standIn({ $ref: id })));
    return { params, body: block, result: express(result) };
  } finally {
    block = outer;
  }
}

// root is where a program starts: the server, the socket of a client.
export const root = (kind, ...args) => standIn({ $root: [kind, ...args] });

const own = name => (...args) => call(null, name, args);

// $ is what steps can do besides calling the server.
export const $ = {
  args: standIn({ $args: true }), // in a call: all arguments of the handler, without the acknowledgement
  ack: standIn({ $ack: true }), // the handler's acknowledgement
  io: root("io"),
  engine: root("engine"),
  error: (message, data) => standIn({ $error: [message, express(data)] }),
  eq: (a, b) => standIn({ $eq: [express(a), express(b)] }),
  buffer: value => standIn({ $buffer: express(value) }), // the same bytes, in a buffer that can be read once in Go
  cycle: standIn({ $cycle: true }),
  func: standIn({ $func: true }),
  log: own("log"), // in the transcript of the server
  block: own("block"), // the handler takes so many milliseconds
  later: own("later"), // milliseconds, function
  if: own("if"), // condition, then, else
  each: own("each"), // list, function
  pluck: own("pluck"), // list, name of a property
  set: own("set"), // a variable of the server
  get: name => standIn({ $var: name }),
  fn: own("fn"), // a function with an identity, for off
  repeat: own("repeat"), // how often, function of the number
  header: own("header"), // headers, name, value
  regex: source => standIn({ $regex: source }),
  attempt: own("attempt"), // what a function throws, or "fine"
  fail: own("fail"), // throws, or panics in Go
};
