// How values travel between the driver and the servers, and how transcripts show them.
import { createHash } from "node:crypto";

export const isBinary = v => Buffer.isBuffer(v) || v instanceof ArrayBuffer || ArrayBuffer.isView(v);
export const toBuffer = v =>
  Buffer.isBuffer(v) ? v : v instanceof ArrayBuffer ? Buffer.from(v) : Buffer.from(v.buffer, v.byteOffset, v.byteLength);

// encode makes JSON of a value; special may take over.
export function encode(value, special) {
  const taken = special?.(value);
  if (taken !== undefined) return taken;
  if (value === undefined) return { $undefined: true };
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (Object.is(value, -0)) return { $number: "-0" };
  if (typeof value === "function") return { $function: true };
  if (value === null || typeof value !== "object") return value;
  if (isBinary(value)) return { $bin: toBuffer(value).toString("base64") };
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Error) return { $failure: [value.message, encode(value.data, special)] };
  if (value instanceof Set) return [...value].map(v => encode(v, special));
  if (Array.isArray(value)) return value.map(v => encode(v, special));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v, special)]));
}

// decode is its inverse.
export function decode(value, special) {
  const taken = special?.(value);
  if (taken !== undefined) return taken.value;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(v => decode(v, special));
  if (value.$undefined) return undefined;
  if (value.$number) return Number(value.$number);
  if (value.$bin !== undefined) return Buffer.from(value.$bin, "base64");
  if (value.$date !== undefined) return new Date(value.$date);
  if (value.$failure) return Object.assign(new Error(value.$failure[0]), { data: decode(value.$failure[1]) });
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v, special)]));
}

const digest = data => createHash("sha256").update(data).digest("hex").slice(0, 8);

// show writes a value into a transcript: the same text for the same value.
export function show(value) {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return value.length <= 300 ? JSON.stringify(value) : `text of ${value.length} ${digest(value)}`;
  if (typeof value === "function") return "a function";
  if (value === null || typeof value !== "object") return String(value);
  if (isBinary(value)) {
    const data = toBuffer(value);
    return data.length <= 32 ? `bytes<${data.toString("hex")}>` : `bytes of ${data.length} ${digest(data)}`;
  }
  if (value instanceof Date) return `date ${value.toISOString()}`;
  if (value instanceof Error) return `error ${JSON.stringify(value.message)}` + (value.data === undefined ? "" : ` with ${show(value.data)}`);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  return `{${Object.keys(value).sort().map(k => `${JSON.stringify(k)}: ${show(value[k])}`).join(", ")}}`;
}

// inOrder sorts rooms: ids, which are different each time, come first.
export const inOrder = rooms => [...rooms].sort((a, b) => isID(b) - isID(a) || (a < b ? -1 : 1));
const isID = room => /^[\w-]{20,24}$/.test(room);
