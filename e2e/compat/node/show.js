// Values as they stand in transcripts: short, and the same for the same value.
import { createHash } from "node:crypto";

const SHORT = 160; // characters

export function show(value) {
  return JSON.stringify(plain(value));
}

function plain(value) {
  if (value instanceof ArrayBuffer) return bytes(Buffer.from(value));
  if (ArrayBuffer.isView(value)) return bytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (typeof value === "string") return value.length <= SHORT ? value : `${value.length} characters ${digest(value)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function bytes(buffer) {
  if (buffer.length <= 32) return `bytes ${buffer.toString("hex")}`;
  return `${buffer.length} bytes ${digest(buffer)}`;
}

function digest(data) {
  return createHash("sha256").update(data).digest("hex").slice(0, 8);
}
