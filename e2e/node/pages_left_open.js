// Some of the demo's pages, left open while strangers send what they like.
//
//   node pages_left_open.js chromium http://server1 http://server2
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { io } from "socket.io-client";

const [executablePath, first, second] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--js-flags=--expose-gc"] });
const stranger = io(second, { transports: ["websocket"], forceNew: true });
const markup = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>\u001b[2J\u202e";

try {
  const pages = await Promise.all(Array.from({ length: 4 }, async (_, i) => {
    const page = await browser.newPage({ viewport: { width: 390, height: 300 } });
    page.setDefaultTimeout(180_000);
    page.errors = [];
    page.on("pageerror", (error) => page.errors.push(error.message));
    await page.goto(i % 2 ? first : second);
    await page.getByRole("status").filter({ hasText: /^connected/ }).waitFor();
    return page;
  }));
  // The messages of a day in a minute, the values of all shapes, and some as large as a
  // server takes them.
  await stranger.timeout(20_000).emitWithAck("join", markup);
  const shapes = [markup, "x".repeat(5000), { markup }, [markup], 7, null, true];
  // As fast as the pages take it: those that fall behind would be disconnected.
  let mark = 0;
  const keptUp = async () => {
    const text = `mark ${++mark} of the stranger`;
    stranger.emit("say", { room: null, text, name: "stranger", sid: "" });
    for (const page of pages) await page.waitForFunction((text) => document.getElementById("log").textContent.includes(text), text, { polling: 100 });
  };
  for (let i = 0; i < 550; i++) {
    const shape = shapes[i % shapes.length];
    stranger.emit("say", { room: null, text: `${markup} ${i}`, name: shape, sid: shape });
    if (i % 10 === 0) stranger.emit("pub", null, shape);
    if (i % 50 === 0) await keptUp();
  }
  for (let i = 0; i < 3; i++) {
    stranger.emit("say", { room: null, text: "y".repeat(500_000), name: "z".repeat(100_000), sid: "" });
    await keptUp();
  }
  for (const page of pages) {
    const seen = await page.evaluate(() => {
      gc();
      return {
        items: document.querySelectorAll("#log > li").length,
        elements: document.querySelectorAll("*").length,
        text: document.body.textContent.length,
        heap: performance.memory.usedJSHeapSize,
        owned: window.owned,
      };
    });
    assert.ok(seen.items <= 500 && seen.elements < 5000, JSON.stringify(seen));
    assert.ok(seen.text < 500_000 && seen.heap < 64 << 20, JSON.stringify(seen));
    assert.equal(seen.owned, undefined);
    assert.deepEqual(page.errors, []);
    console.log(JSON.stringify(seen));
  }
  // They are pages as before.
  await pages[0].getByLabel("Message", { exact: true }).fill("hello again");
  await pages[0].getByRole("button", { name: "Send" }).click();
  for (const page of pages) await page.getByRole("log").getByText("hello again").waitFor();
} finally {
  stranger.close();
  await browser.close();
}
