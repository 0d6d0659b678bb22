// What the tests of the admin UI share: a page without a browser.
import { io } from "socket.io-client";
import { PATIENCE } from "./conditions.js";

// Recorder connects to a namespace and keeps what comes.
export class Recorder {
  constructor(url, namespace = "/", auth = {}) {
    this.events = []; // [name, args…]
    this.waiting = new Set();
    this.socket = io(url + namespace, { transports: ["websocket"], forceNew: true, reconnection: false, auth });
    this.socket.onAny((...event) => {
      this.events.push(event);
      for (const look of this.waiting) look();
    });
    this.connected = new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.once("connect_error", reject);
    });
    this.connected.catch(() => {});
  }

  // event resolves to the arguments of an event that fits, of those that have come or will.
  event(name, fits = () => true) {
    return new Promise((resolve, reject) => {
      const give = (settle, value) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        settle(value);
      };
      const look = () => {
        const found = this.events.find(([n, ...args]) => n === name && fits(...args));
        if (found) give(resolve, found.slice(1));
      };
      const timer = setTimeout(
        () => give(reject, new Error(`no ${name}: there came ${JSON.stringify(this.events).slice(0, 4000)}`)),
        PATIENCE,
      );
      this.waiting.add(look);
      look();
    });
  }

  close() {
    this.socket.disconnect();
  }
}
