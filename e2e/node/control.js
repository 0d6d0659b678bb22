// The control protocol: one JSON object per line. A request {id, op, …} is
// answered with {id, ok: true, result} or {id, ok: false, error}. Bytes stand as
// {"$bin": base64}, an absent value as null.
import { createInterface } from "node:readline";

// serve answers requests with what operations[op](request) returns or resolves
// to, and calls onEnd when the driver has gone.
export function serve(operations, onEnd) {
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on("line", async (line) => {
    const request = toValue(JSON.parse(line));
    try {
      const operation = operations[request.op];
      if (operation === undefined) throw new Error(`unknown operation ${request.op}`);
      say({ id: request.id, ok: true, result: (await operation(request)) ?? null });
    } catch (error) {
      say({ id: request.id, ok: false, error: error.message });
    }
  });
  lines.on("close", onEnd);
}

// say writes one line; the first one a process says is {ready: true, …}.
export function say(value) {
  process.stdout.write(JSON.stringify(fromValue(value)) + "\n");
}

// toValue turns {"$bin"} into bytes. It keeps keys like "__proto__" what they are.
function toValue(json) {
  if (Array.isArray(json)) return json.map(toValue);
  if (typeof json !== "object" || json === null) return json;
  if (typeof json.$bin === "string") return Buffer.from(json.$bin, "base64");
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, toValue(value)]));
}

function fromValue(value) {
  if (value instanceof ArrayBuffer) return { $bin: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $bin: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(fromValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fromValue(member)]));
}
