// The demo's page in a browser: two pages on two servers, one of which is stopped.
//
//   node page.js chromium http://server1 http://server2 directory-for-screenshots
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { PATIENCE, eventually } from "./conditions.js";

const [executablePath, first, second, directory] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function open(url, name, viewport) {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(PATIENCE);
  page.errors = [];
  page.requests = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
  page.on("request", (request) => page.requests.push(request.url()));
  await page.goto(url);
  await page.getByRole("status").filter({ hasText: /^connected/ }).waitFor();
  await page.getByLabel("Your name").fill(name);
  return page;
}

const log = (page) => page.getByRole("log");
const say = async (page, text) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
};

try {
  const ann = await open(first, "Ann", { width: 1440, height: 900 });
  const bob = await open(second, "Bob", { width: 390, height: 844 });

  for (const page of [ann, bob]) {
    await page.locator("#count-total").getByText("2", { exact: true }).waitFor();
    await page.locator("#count-servers").getByText("3", { exact: true }).waitFor();
    await eventually("three servers are listed", async () => (await page.locator("#servers li").count()) === 3);
  }

  await say(ann, "hello from Ann");
  await say(bob, "привет from Bob 🏠");
  for (const page of [ann, bob]) {
    await log(page).getByText("hello from Ann").waitFor();
    await log(page).getByText("привет from Bob 🏠").waitFor();
  }
  // Each message names the server it came from.
  const said = log(bob).getByRole("listitem").filter({ hasText: "hello from Ann" });
  assert.ok((await said.textContent()).includes(new URL(first).host), "the message names its server");

  await ann.getByLabel("Question to everyone").fill("Who is there?");
  await ann.getByRole("button", { name: "Ask everyone" }).click();
  const answers = log(ann).getByRole("listitem").filter({ hasText: "2 answers from 2 servers" });
  await answers.first().waitFor();
  const text = await answers.first().textContent();
  for (const part of ["Ann", "Bob", new URL(first).host, new URL(second).host]) {
    assert.ok(text.includes(part), `answers name ${part}: ${text}`);
  }

  // A room reaches those who are in it, on whatever server.
  for (const page of [ann, bob]) {
    await page.getByLabel("Name of another room").fill("attic");
    await page.getByRole("button", { name: "Join", exact: true }).click();
  }
  await ann.getByLabel("To", { exact: true }).selectOption("attic");
  await say(ann, "only in the attic");
  await log(bob).getByText("only in the attic").waitFor();
  await bob.getByTitle("Leave attic").click();
  await bob.getByTitle("Join attic").waitFor();
  await say(ann, "nobody hears this");
  await log(ann).getByText("nobody hears this").waitFor();
  await ann.getByLabel("To", { exact: true }).selectOption("");
  await say(ann, "everybody hears this");
  await log(bob).getByText("everybody hears this").waitFor();
  assert.equal(await log(bob).getByText("nobody hears this").count(), 0, "a room that was left is silent");

  // On a phone the status is on the line of the title, and the picture of the mesh, the
  // messages and the field for one are in sight without scrolling.
  await bob.evaluate(() => scrollTo(0, 0));
  const box = async (selector) => bob.locator(selector).boundingBox();
  const [title, here, status, graph, messages, field] = [
    await box("h1"), await box("#here"), await box("#status"), await box("#graph"), await box("#log"), await box("#text"),
  ];
  const middle = (b) => b.y + b.height / 2;
  for (const b of [here, status]) assert.ok(Math.abs(middle(b) - middle(title)) < 8, `not on the line of the title: ${JSON.stringify({ title, b })}`);
  assert.ok(here.x >= title.x + title.width && status.x >= here.x + here.width, "title, server and status do not overlap");
  for (const b of [title, here, status, graph, messages, field]) {
    assert.ok(b.x >= 0 && b.x + b.width <= 390 && b.y >= 0 && b.y + b.height <= 844, `out of sight: ${JSON.stringify(b)}`);
  }
  assert.ok(graph.height >= 60 && graph.y + graph.height <= messages.y, "the picture is above the messages");

  await ann.screenshot({ path: `${directory}/wide.png` });
  await bob.screenshot({ path: `${directory}/narrow.png` });
  for (const page of [ann, bob]) {
    assert.deepEqual(page.errors, []);
    for (const url of page.requests) {
      const { host } = new URL(url);
      assert.ok([first, second].some((server) => new URL(server).host === host), `a request to elsewhere: ${url}`);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.ok(!wide, "the page scrolls sideways");
  }

  // The page shows how to add a server. Its server is stopped by its button, and it goes on
  // with another one: it gets messages, of its rooms too.
  await ann.locator("#add-command").filter({ hasText: /node .*--discovery ws:/ }).waitFor();
  await ann.getByRole("button", { name: "Stop this server" }).click();
  await log(ann).getByText(`You have stopped ${new URL(first).host}.`).waitFor();
  const moved = log(ann).getByText(/^You are on .* now/);
  await moved.waitFor();
  assert.ok(!(await moved.textContent()).includes(new URL(first).host), "it is on another server");
  await ann.getByRole("status").filter({ hasText: /^connected/ }).waitFor();
  for (const page of [ann, bob]) await page.locator("#count-servers").getByText("2", { exact: true }).waitFor();
  await log(bob).getByText(`${new URL(first).host} left the mesh.`).waitFor();
  await say(bob, "are you still there?");
  await log(ann).getByText("are you still there?").waitFor();
  await bob.getByLabel("To", { exact: true }).selectOption("attic");
  await say(bob, "in the attic, too?");
  await log(ann).getByText("in the attic, too?").waitFor();
  await say(ann, "still here");
  await log(bob).getByText("still here").waitFor();
  await ann.getByRole("button", { name: "Stop this server" }).waitFor({ state: "hidden" }); // the page of a server stops that one alone
  await ann.screenshot({ path: `${directory}/moved.png` });
} finally {
  await browser.close();
}
