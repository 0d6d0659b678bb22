// The admin page with 100 nodes, 100,000 sockets and 50,000 rooms: what it draws, and how
// many frames a second.
//
//   node admin_at_scale.js chromium http://ops directory-for-screenshots
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, ops, directory] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

// crowd runs in the page: its feed is made up there, in the shape and size that a server
// with 100 nodes sends, a line a second.
function crowd() {
  const id = (i) => (i * 2654435761 % 2 ** 32).toString(16).padStart(8, "0").repeat(2);
  let seed = 7;
  const random = (n) => (seed = seed * 1103515245 + 12345 & 0x7fffffff) % n;
  const node = (i) => ({
    state: i === 17 ? "draining" : i === 42 ? "silent" : "ok", address: `ws://10.1.${i % 4}.${10 + i}:4000`, host: `chat-${i}`, version: "v1.2.3", started: Date.now() - 86400000 - i * 60000, codecs: ["json"], discovery: "service",
    writable: false, peers: 99, missing: 0, suspended: 0, sockets: 1000, rooms: 500, ws: 950, polling: 50, other: 0, losses: {}, rtt: 1, queue: 0, waiting: 0, ...rates(i),
  });
  const rates = () => ({ out: 300 + random(60), in: 300 + random(60), out_bytes: 60000 + random(9000), in_bytes: 60000 + random(9000), connects: random(9), disconnects: random(9), packets: 900 + random(99), frames: 9000 + random(999), rtt: 0.4 + random(30) / 10, sockets: 980 + random(40) });
  const problems = [{ kind: "unanswered", node: id(0), peer: id(42), text: "has not answered: no answer in time", since: Date.now() - 9000 }, { kind: "missing-link", node: id(3), peer: id(90), text: "no link to ws://10.1.2.76:4000: connection refused", since: Date.now() - 70000 }];
  const line = (n) => n === 1 ? { epoch: "crowd", n, t: Date.now(), events: [], full: {
    by: id(0), writable: false, all_links: false, nodes: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [id(i), node(i)])), links: { [`${id(8)} ${id(70)}`]: { rtt: 240, queue: 0, waiting: 0, reconnects: 1, out: 5 } },
    total: { nodes: 100, sockets: 100000, rooms: 50000, ws: 95000, polling: 5000, other: 0, queue: 0, out: 32000, out_bytes: 6.2e6 }, namespaces: [{ name: "/", sockets: 100000, rooms: 50000, nodes: 100 }], losses: {},
    problems, problem_count: 2, rooms: { largest: Array.from({ length: 32 }, (_, i) => ({ namespace: "/", name: `room-${i}`, members: 300 - i, nodes: 1 })), partial: true } } }
    : { epoch: "crowd", n, t: Date.now(), patch: { nodes: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [id(i), rates(i)])), total: { sockets: 99990 + random(20), out: 32000 + random(900), out_bytes: 6e6 + random(400000) }, links: { [`${id(8)} ${id(70)}`]: { rtt: 200 + random(90) } } } };
  const original = window.fetch, text = new TextEncoder();
  window.fetch = (url, options) => {
    if (!String(url).includes("api/v1/watch")) return original(url, options);
    let n = 0;
    return Promise.resolve(new Response(new ReadableStream({
      async pull(controller) {
        if (n > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
        controller.enqueue(text.encode(JSON.stringify(line(++n)) + "\n"));
      },
    })));
  };
}

try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(60_000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.addInitScript(crowd);
  await page.goto(`${ops}/admin`);
  await page.getByRole("status").filter({ hasText: "2 problems, 100 nodes" }).waitFor();
  const rows = page.locator("#node-table tbody tr");
  await rows.nth(99).waitFor(); // a table at first
  assert.equal(await page.locator("#drawing").isVisible(), false);
  await page.getByLabel("Filter nodes").fill("draining");
  await page.waitForFunction(() => document.querySelectorAll("#node-table tbody tr").length === 1);
  await page.getByLabel("Filter nodes").fill("");
  await rows.nth(99).waitFor();
  await page.locator("#node-table th button").filter({ hasText: "State" }).click();
  await rows.first().filter({ hasText: "does not answer" }).waitFor();

  await page.getByRole("button", { name: "Drawing" }).click();
  await page.locator("#drawing .pin").nth(99).waitFor();
  assert.equal(await page.locator("#drawing .pin.trouble").count(), 1);
  await page.waitForFunction(() => lastNumber >= 4);
  const frames = await page.evaluate(() => new Promise((resolve) => {
    let frames = 0, worst = 0, before = performance.now();
    const began = before;
    const step = (now) => {
      frames++;
      worst = Math.max(worst, now - before);
      before = now;
      if (now - began < 5000) requestAnimationFrame(step); else resolve({ rate: frames / (now - began) * 1000, worst });
    };
    requestAnimationFrame(step);
  }));
  // What the page itself takes for a frame and for a line, which other programs do not change as much.
  const cost = await page.evaluate(() => {
    const time = (f, n) => { const t = performance.now(); for (let i = 0; i < n; i++) f(); return (performance.now() - t) / n; };
    return { paint: time(() => paint(), 50), render: time(() => render(), 20) };
  });
  console.log(`${frames.rate.toFixed(1)} frames a second, the longest ${frames.worst.toFixed(0)} ms; a frame is drawn in ${cost.paint.toFixed(2)} ms, a line of the feed in ${cost.render.toFixed(1)} ms`);
  assert.ok(frames.rate > 2, "it stands still");
  await page.screenshot({ path: `${directory}/admin-100-1440-light.jpg`, type: "jpeg", quality: 60 }); // so many lines are a large PNG
  assert.deepEqual(errors, []);
} finally {
  await browser.close();
}
