// The admin page in a browser, of a demo of three servers.
//
//   node admin.js chromium http://ops token http://server1,… process1,… directory-for-screenshots [keep]
//
// Pictures that are to be kept wait until there is something to see in them.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { io } from "socket.io-client";
import { PATIENCE, eventually } from "./conditions.js";

const [executablePath, ops, token, servers, processes, directory, keep] = process.argv.slice(2);
const pages = servers.split(","), ids = processes.split(",").map(Number);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const hostile = "<img src=x onerror=window.owned=1>";
const clients = [];

async function open(viewport, settings) {
  const page = await browser.newPage({ viewport, ...settings });
  page.setDefaultTimeout(PATIENCE);
  page.errors = [];
  page.requests = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && !/status of 401/.test(message.text()) && page.errors.push(message.text()));
  page.on("request", (request) => page.requests.push(request.url()));
  await page.goto(`${ops}/admin`);
  return page;
}
async function enter(page, secret = token) {
  await page.getByRole("textbox", { name: "Token" }).fill(secret);
  await page.getByRole("button", { name: "Open" }).click();
}
const status = (page, text) => page.getByRole("status").filter({ hasText: text }).first().waitFor();
const view = (page, name) => page.getByRole("link", { name: new RegExp(`^${name}`) }).click();
// The pictures of docs/admin.md; of other views the test takes none.
const wanted = new Set(["mesh-1440-light", "mesh-390-dark", "rooms-390-dark", "losses-1440-light", "problem-1440-dark"]);
const picture = async (page, name, looks) => {
  if (!wanted.has(name)) return;
  if (keep) await page.waitForTimeout(looks); // nothing depends on it
  await page.screenshot({ path: `${directory}/admin-${name}.png`, ...(name.startsWith("losses") && { clip: { x: 0, y: 0, width: 1440, height: 440 } }) });
};

try {
  await Promise.all([pages[0], pages[0], pages[1], pages[1], pages[1], pages[2]].map(async (server, i) => {
    const client = clients[i] = io(server, { transports: i === 4 ? ["polling"] : ["websocket"], forceNew: true });
    await client.timeout(20_000).emitWithAck("join", i < 4 ? "tea" : hostile);
    await client.timeout(20_000).emitWithAck("join", `table-${i}`);
  }));
  const chat = setInterval(() => { for (const client of clients) client.emit("pub", "tea", "hello"); }, 200);

  // Nobody sees anything without the token, and a wrong one says so.
  const page = await open({ width: 1440, height: 900 }, { colorScheme: "light" });
  await page.getByText("This server asks for a token").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Nodes", exact: true }).isVisible(), false);
  await enter(page, "wrong");
  await page.getByRole("alert").filter({ hasText: "wrong token" }).waitFor();
  await enter(page);
  await status(page, "whole: 3 nodes");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("mesh.admin.token")), token);
  assert.ok(!page.requests.some((url) => url.includes(token)), "the token is in an address");
  assert.ok(page.requests.every((url) => url.startsWith(ops) || url.startsWith("data:")), "a request to elsewhere");

  // The drawing has three nodes, the table has the same, and six links.
  const pins = page.locator("#drawing .pin");
  await eventually("three nodes are drawn", async () => (await pins.count()) === 3);
  await page.locator("#link-table tbody tr").nth(5).waitFor();
  await page.getByRole("button", { name: "Table" }).click();
  await eventually("three nodes are in the table", async () => (await page.locator("#node-table tbody tr").count()) === 3);
  await page.getByRole("button", { name: "Drawing" }).click();

  // By keyboard alone: past the header, to a node, open it, close it.
  await page.reload();
  await status(page, "whole");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await pins.nth(0).focus();
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("pin")), "an arrow goes to a node");
  await page.keyboard.press("Enter");
  await page.locator("#detail").waitFor();
  await page.locator("#peer-table tbody tr").nth(1).waitFor();
  await page.locator("#detail-title").focus();
  await page.keyboard.press("Escape");
  await page.locator("#detail").waitFor({ state: "hidden" });
  // In one go, for rows change places as their numbers change.
  assert.ok(await page.locator("#link-table tbody tr").first().evaluate((row) => {
    const next = row.nextElementSibling;
    row.focus();
    row.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    return document.activeElement === next;
  }), "an arrow goes to the next row");
  await page.locator("#link-table th button").first().focus();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#link-table th[aria-sort]").first().textContent(), "Enter sorts");

  // What strangers call their rooms is text.
  await view(page, "Rooms");
  await page.locator("#largest-table").getByText(hostile).waitFor();
  await page.getByLabel("Name begins with").fill("table-");
  await page.getByRole("button", { name: "Search" }).click();
  await page.locator("#room-table tbody tr").nth(5).waitFor();
  await view(page, "Clients");
  await page.locator("#transport-key").filter({ hasText: "WebSocket 5" }).waitFor();
  await page.getByLabel("Id, or its beginning").fill(clients[2].id);
  await page.getByRole("button", { name: "Find" }).click();
  await page.locator("#socket-table tbody tr").filter({ hasText: clients[2].id }).waitFor();
  await page.getByLabel("Id, or its beginning").fill("");
  await page.locator("#lookup-room").fill(hostile);
  await page.getByRole("button", { name: "Find" }).click();
  await page.locator("#socket-table tbody").getByText(hostile).first().waitFor();
  await view(page, "Losses");
  await page.locator("#loss-table").getByText("Operators refused").waitFor(); // the wrong token
  await page.getByLabel("show what has not happened").check();
  await page.locator("#loss-table").getByText("Client refused: too many at once").waitFor();
  await view(page, "Explain");
  await page.locator("#explain-room").fill(hostile);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator("#explain-table tbody tr").nth(2).waitFor();
  await page.getByRole("status").filter({ hasText: "reaches 2 sockets" }).waitFor();
  await view(page, "Trace");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("log").getByText("“msg” to tea").first().waitFor();
  await page.getByRole("log").getByText("handled").first().waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Start" }).waitFor();
  await view(page, "Events");
  await page.getByRole("log").getByText("peer up").first().waitFor();
  await page.getByLabel("Text").fill("refusing an operator");
  await page.getByRole("log").getByText("refusing an operator's request").first().waitFor();
  await eventually("the filter leaves out what it should", async () => (await page.getByRole("log").getByText("peer up").count()) === 0);
  assert.equal(await page.evaluate(() => window.owned), undefined);

  // On a phone the buttons are on the line of the title, and what explains a row is in sight.
  const small = await open({ width: 390, height: 844 }, { colorScheme: "dark", reducedMotion: "reduce" });
  await enter(small);
  await status(small, "whole");
  const middle = async (selector) => { const { y, height } = await small.locator(selector).boundingBox(); return y + height / 2; };
  for (const button of ["#theme", "#forget"]) assert.ok(Math.abs(await middle(button) - await middle("h1")) < 6, `${button} is not on the line of the title`);
  assert.ok(Math.abs(await middle("#status") - await middle("#feed")) < 6, "the two states are on one line");
  await view(small, "Explain");
  await small.locator("#explain-room").fill("tea");
  await small.getByRole("button", { name: "Explain" }).click();
  const why = await small.locator("#explain-table td.words").nth(1).boundingBox(), tab = await small.locator("#tab-explain").boundingBox();
  for (const b of [why, tab]) assert.ok(b.x >= 0 && b.x + b.width <= 390, `out of sight: ${JSON.stringify(b)}`);

  // Pictures, and no view that is wider than a phone.
  for (const [p, size, theme] of [[page, "1440", "light"], [small, "390", "dark"]]) {
    for (const name of ["Mesh", "Clients", "Rooms", "Losses", "Events", "Explain", "Trace"]) {
      await view(p, name);
      if (name === "Losses") await p.getByLabel("show what has not happened").check();
      await picture(p, `${name.toLowerCase()}-${size}-${theme}`, 1500);
      assert.equal(await p.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${name} scrolls sideways at ${size}`);
    }
    await view(p, "Mesh");
  }
  await page.getByRole("button", { name: /^Theme/ }).click();
  await page.getByRole("button", { name: /^Theme/ }).click();
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).colorScheme || getComputedStyle(document.documentElement).colorScheme), "dark");

  // A server that hangs is a problem until it goes on.
  process.kill(ids[2], "SIGSTOP");
  try {
    await status(page, "problem");
    await page.locator("#problems").getByText("Does not answer").waitFor();
    await page.locator("#problems-said").filter({ hasText: "problem" }).waitFor({ state: "attached" });
    await picture(page, "problem-1440-dark", 1000);
  } finally {
    process.kill(ids[2], "SIGCONT");
  }
  await status(page, "whole: 3 nodes");
  await view(small, "Events");

  // A server that is drained sends its clients away; who does not mean it, cancels.
  const pinOf = async (server) => {
    const { nodes } = await (await fetch(`${ops}/api/v1/cluster`, { headers: { Authorization: `Bearer ${token}` } })).json();
    const busy = nodes.find((n) => n.sockets === 3);
    return page.locator("#drawing .pin").filter({ hasText: new URL(busy.advertise).host });
  };
  await (await pinOf(pages[1])).click();
  await page.locator("#detail-facts").getByText("2 WebSocket, 1 polling").waitFor(); // the dialog says what is known then
  await page.getByRole("button", { name: "Drain…" }).click();
  await page.getByRole("dialog").getByText("3 clients").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await page.locator("#detail-facts").getByText("draining").count(), 0);
  await page.getByRole("button", { name: "Drain…" }).click();
  await page.getByRole("button", { name: "Send its clients elsewhere" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.locator("#detail-facts").getByText(/draining/).waitFor();
  await page.locator("#detail-facts").getByText("0 WebSocket, 0 polling").waitFor();

  // A server that is killed is missed.
  process.kill(ids[2], "SIGKILL");
  await status(page, "1 problem");
  await page.locator("#problems").getByText(/Gone without a goodbye|Link broken|Does not answer/).first().waitFor();
  await small.getByRole("log").getByText(/peer lost|link lost/).first().waitFor();

  clearInterval(chat);
  for (const p of [page, small]) {
    assert.deepEqual(p.errors, []);
    assert.equal(await p.evaluate(() => window.owned), undefined);
  }
} finally {
  for (const client of clients) client.close();
  await browser.close();
}
process.exit(0);
