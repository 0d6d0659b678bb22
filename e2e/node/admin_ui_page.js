// The page that npm has, in a browser, against three servers of a mesh. On the third one
// pages may only look.
//
//   node admin_ui_page.js chromium http://page directory-for-screenshots http://server1 http://server2 http://server3
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { Recorder } from "./admin_ui_client.js";
import { PATIENCE, eventually } from "./conditions.js";

const [executablePath, files, directory, ...servers] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const hostile = `<img src=x onerror="window.owned=1">`;

async function open() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  await page.goto(files);
  return page;
}

async function login(page, server, password) {
  await page.getByLabel("Server URL").fill(server);
  await page.getByLabel("Username").fill("admin");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Connect" }).click();
}

// go opens a view without loading the page again.
const go = async (page, path) => page.evaluate((path) => void (location.hash = path), path);
const socketView = (id) => `#/n/${encodeURIComponent("/")}/sockets/${encodeURIComponent(id)}`;

try {
  const clients = servers.map((url) => new Recorder(url));
  for (const client of clients) {
    await client.connected;
    client.socket.emit("join", "lobby of the house");
  }
  clients[1].socket.emit("join", hostile);
  const ids = clients.map((client) => client.socket.id); // a client that is disconnected forgets its own

  // A wrong password, and the right one.
  const page = await open();
  await login(page, servers[0], "wrong");
  await page.getByText("Invalid credentials").waitFor();
  await login(page, servers[0], "changeit");
  await page.getByText("Invalid credentials").waitFor({ state: "hidden" });

  // All servers are there, with their clients.
  await go(page, "#/servers/");
  await eventually("three servers", async () => (await page.locator("tbody tr").filter({ hasText: /Healthy|UP/i }).count()) === 3);
  await go(page, "#/");
  const watcher = new Recorder(servers[0], "/admin", { username: "admin", password: "changeit" });
  await watcher.event("server_stats", (stats) => stats.aggregatedEvents.length > 0); // something for the picture
  await page.screenshot({ path: `${directory}/admin-ui.png` });
  await go(page, "#/sockets/");
  for (const id of ids) await page.getByText(id).first().waitFor();

  // Rooms, with members of all servers; a hostile name is a text.
  await go(page, "#/rooms/");
  const lobby = page.locator("tbody tr").filter({ hasText: "lobby of the house" });
  await eventually("the lobby has three members", async () => /3/.test(await lobby.textContent()));
  await page.getByText(hostile).waitFor();
  await lobby.click();
  for (const id of ids) await page.getByText(id).first().waitFor();
  await page.screenshot({ path: `${directory}/admin-ui-room.png` });

  // A socket of another server joins a room and leaves it.
  const second = clients[1];
  await go(page, socketView(ids[1]));
  const field = page.getByLabel("Join a room");
  await field.fill("attic");
  await field.press("Enter");
  await field.evaluate((input) => input.form.requestSubmit());
  const attic = page.locator("tbody tr").filter({ hasText: "attic" });
  await attic.waitFor();
  await watcher.event("room_joined", (nsp, room, id) => room === "attic" && id === ids[1]);
  const another = new Recorder(servers[0], "/admin", { username: "admin", password: "changeit" });
  await another.event("all_sockets", (sockets) => sockets.some(({ id, rooms }) => id === ids[1] && rooms.includes("attic")));
  watcher.socket.emit("emit", "/", "attic", "only for the attic", 1);
  await second.event("only for the attic");
  await attic.getByRole("button").click();
  await watcher.event("room_left", (nsp, room, id) => room === "attic" && id === ids[1]);

  // What clients send is seen.
  clients[2].socket.emit("question", hostile);
  await go(page, "#/events/");
  await page.getByText("question").first().waitFor();
  await page.getByText("answer").first().waitFor();

  // It is disconnected from the page.
  const gone = new Promise((resolve) => second.socket.once("disconnect", resolve));
  await go(page, socketView(ids[1]));
  await page.locator("tr").filter({ hasText: "Status" }).last().getByRole("button").click();
  assert.equal(await gone, "io server disconnect");
  await go(page, "#/sockets/");
  await eventually("it has gone from the page", async () => (await page.getByText(ids[1]).count()) === 0);

  // The session is good on another server, where it may only look: the page has no buttons,
  // and the server does not obey.
  await page.evaluate((server) => localStorage.setItem("server_url", server), servers[2]);
  await page.goto(`${files}/?again`);
  await go(page, "#/sockets/");
  await page.getByText(ids[0]).first().waitFor();
  await go(page, socketView(ids[0]));
  await page.getByText(ids[0]).first().waitFor();
  assert.equal(await page.locator("tr").filter({ hasText: "Status" }).getByRole("button").count(), 0, "there are buttons");
  const session = await page.evaluate(() => localStorage.getItem("session_id"));
  const only = new Recorder(servers[2], "/admin", { sessionId: session });
  await only.event("all_sockets");
  only.socket.emit("_disconnect", "/", true, ids[0]);
  only.socket.emit("join", "/", "attic", ids[0]);
  clients[0].socket.emit("question", "are you there?");
  await clients[0].event("answer", (text) => text === "are you there?");
  await watcher.event("event_received", (nsp, id, args) => args[1] === "are you there?");
  assert.ok(!watcher.events.some(([name, , room, id]) => name === "room_joined" && room === "attic" && id === ids[0]), "a page that may only look has acted");

  assert.equal(await page.evaluate(() => window.owned), undefined, "a name was taken for markup");
  assert.deepEqual(page.errors, []);
  for (const recorder of [...clients, watcher, another, only]) recorder.close();
} finally {
  await browser.close();
}
process.exit(0);
