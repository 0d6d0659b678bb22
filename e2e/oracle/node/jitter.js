// With ORACLE_JITTER=milliseconds everything is late by chance: what clients and servers
// send to each other, and what servers tell the driver. No order between two events holds
// any more unless the scenario waits for one of them. That finds scenarios that count on
// a fast machine.
import { connect, createServer } from "node:net";

export const jitter = Number(process.env.ORACLE_JITTER ?? 0);

// late calls f with each value, later and in order; what waits comes in one go. How late
// is by chance too: of two connections one is the slower one all the time.
export function late(f) {
  if (!jitter) return f;
  const most = Math.random() ** 2 * jitter;
  let queue;
  return value => {
    if (queue) return void queue.push(value);
    queue = [value];
    const flush = () => {
      const all = queue;
      queue = undefined;
      for (const v of all) f(v);
    };
    setTimeout(flush, Math.random() * most);
  };
}

// slow puts a slow network before a server, and returns where it is now.
export async function slow(url) {
  if (!jitter) return { url, stop() {} };
  const { hostname, port } = new URL(url);
  const open = new Set();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const other = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [[client, other], [other, client]]) {
      open.add(from);
      const act = late(f => f());
      from.on("data", d => act(() => to.write(d)));
      from.on("end", () => act(() => to.end()));
      from.on("error", () => act(() => to.resetAndDestroy()));
      from.on("close", failed => (open.delete(from), failed || act(() => to.end())));
    }
  });
  await new Promise(done => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      for (const s of open) s.destroy();
    },
  };
}
