// The discovery client of a node: registers, hears rosters, reconnects
// (docs/reference-protocol.md, section 2).
import { decode } from "@msgpack/msgpack";
import { WebSocket } from "ws";
import { register } from "./frames.js";

const FIRST_DELAY = 1000;
const LAST_DELAY = 30_000;

export class Membership {
  // onRoster gets [{serverId, address}] for every update.
  constructor({ url, uid, address, token, onRoster }) {
    Object.assign(this, { url, uid, address, token, onRoster, delay: FIRST_DELAY });
  }

  start() {
    this.ws = new WebSocket(this.url);
    this.ws.on("error", () => {});
    this.ws.on("open", () => {
      this.delay = FIRST_DELAY;
      this.ws.send(register(this.uid, this.address, this.token));
    });
    this.ws.on("message", (bytes) => {
      const message = decode(bytes);
      if (message.type === "update") this.onRoster(message.servers);
    });
    this.ws.on("close", (code, reason) => {
      if (this.stopped) return;
      process.stderr.write(`discovery connection closed: ${code} ${reason}\n`);
      this.timer = setTimeout(() => this.start(), this.delay + Math.random() * 250);
      this.delay = Math.min(2 * this.delay, LAST_DELAY);
    });
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.ws.close(1000, "client-closing");
  }
}
