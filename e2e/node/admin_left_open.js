// The admin page after a day: 100,000 patches and events, whose texts are hostile.
//
//   node admin_left_open.js chromium http://ops
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, ops] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--js-flags=--expose-gc"] });
const lines = 100_000;

// day runs in the page: its feed is made up there, as fast as the page takes it, each line
// with other numbers, nodes, rooms and problems, and an event.
function day(lines) {
  const markup = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>\u001b[2J\u202e";
  const node = (i) => ({ state: ["ok", "draining", "silent", "gone"][i % 4], address: `ws://${markup}${i % 7}`, host: markup, version: markup, sockets: i, rtt: i % 300, out: i, peers: 2, text: markup, losses: { [`dropped/${markup}`]: i } });
  const line = (i) => {
    const events = [{ n: i, node: "b", seq: i, at: 1e12 + i * 1000, level: ["info", "warn", "error"][i % 3], text: markup, attrs: [["peer", markup], ["lost", markup]] }];
    if (i === 1) {
      return { epoch: "day", n: 1, t: 1e12, events, full: {
        by: "a", writable: true, all_links: true, nodes: { a: node(0), b: node(1) }, links: { "a b": { rtt: 1, queue: 0, waiting: 0, reconnects: 0 } },
        total: { nodes: 3, sockets: 0, rooms: 0 }, namespaces: [{ name: markup, sockets: 1, rooms: 1, nodes: 1 }], losses: {}, problems: [], problem_count: 0, rooms: { largest: [], partial: false } } };
    }
    const patch = {
      nodes: { [`n${i % 40}`]: i % 80 < 40 ? node(i) : null }, total: { sockets: i, out: i % 100, ws: i, polling: 0, other: 0 },
      links: { [`a n${i % 40}`]: i % 80 < 40 ? { rtt: i % 400, out: i % 9 } : null }, losses: { [`dropped/${markup}${i % 50}`]: i },
    };
    if (i % 7 === 0) Object.assign(patch, { problems: i % 2 ? [{ kind: "missing-link", node: "a", peer: markup + i, text: markup, since: 1e12 }] : [], problem_count: i % 2 });
    if (i % 20 === 0) patch.rooms = { largest: Array.from({ length: 40 }, (_, j) => ({ namespace: "/", name: `${markup}${i * 40 + j}`, members: i, nodes: 2 })), partial: true };
    return { epoch: "day", n: i, t: 1e12 + i * 1000, patch, events };
  };
  const original = window.fetch, text = new TextEncoder();
  let n = 0;
  window.limit = 5000;
  window.fetch = (url, options) => !String(url).includes("api/v1/watch") ? original(url, options) : Promise.resolve(new Response(new ReadableStream({
    async pull(controller) {
      do await new Promise((resolve) => setTimeout(resolve)); while (n >= window.limit);
      let chunk = "";
      for (let i = 0; i < 1000 && n < window.limit; i++) chunk += JSON.stringify(line(++n)) + "\n";
      controller.enqueue(text.encode(chunk));
    },
  })));
}

try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 700 } });
  page.setDefaultTimeout(180_000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.addInitScript(`(${day})(${lines})`);
  const seen = async () => page.evaluate(() => {
    gc();
    return { heap: performance.memory.usedJSHeapSize, elements: document.querySelectorAll("*").length, owned: window.owned ?? null, n: lastNumber, events: events.list.length, rooms: roomHistory.size };
  });
  const upTo = async (n) => {
    await page.evaluate((n) => { window.limit = n; }, n);
    await page.waitForFunction((n) => lastNumber >= n, n, { polling: 200 });
  };
  await page.goto(`${ops}/admin#events`);
  await upTo(5000);
  const early = await seen();
  for (const [part, view] of ["mesh", "rooms", "losses", "clients", "events"].entries()) {
    await page.evaluate((view) => { location.hash = "#" + view; }, view);
    await upTo(5000 + (part + 1) * (lines - 5000) / 5);
  }
  const late = await seen();
  console.log(JSON.stringify({ early, late }));
  assert.equal(late.n, lines);
  assert.ok(late.events <= 1000 && late.rooms <= 300 && late.elements < 8000, JSON.stringify(late));
  assert.ok(late.heap < early.heap * 1.5 + (8 << 20), `the page has grown: ${JSON.stringify({ early, late })}`);
  assert.equal(late.owned, null);
  assert.deepEqual(errors, []);
} finally {
  await browser.close();
}
