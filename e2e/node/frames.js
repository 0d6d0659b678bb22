// Frames of the mesh and messages of the discovery service, as bytes.
// A mesh frame is a kind byte and a msgpack map; a discovery message is the map alone.
import { decode, encode } from "@msgpack/msgpack";

export const HELLO = 0x00;
export const MESH = 0x01;

// The largest message either end takes, in bytes.
export const MAX_FRAME = 100 << 20;

export function frame(kind, value) {
  const body = encode(value);
  const bytes = Buffer.allocUnsafe(body.length + 1);
  bytes[0] = kind;
  bytes.set(body, 1);
  return bytes;
}

// parse returns undefined where the bytes are no frame. Binary values in it are
// Uint8Arrays, as the reference's are, whatever bytes is.
export function parse(bytes) {
  if (bytes.length < 2) return undefined;
  try {
    return { kind: bytes[0], value: decode(new Uint8Array(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1)) };
  } catch {
    return undefined;
  }
}

// hello and register leave the token out where there is none.
export function hello(uid, address, token) {
  return frame(HELLO, token === undefined ? { uid, address } : { uid, address, token });
}

export function register(serverId, address, token) {
  const message = { type: "register", serverId, address };
  return encode(token === undefined ? message : { ...message, token });
}

export function update(servers) {
  return encode({ type: "update", servers });
}
