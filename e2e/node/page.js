// The demo's page in a browser: two pages on two servers.
//
//   node page.js chromium http://server1 http://server2 directory-for-screenshots
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, first, second, directory] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function open(url, name, viewport) {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(20_000);
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
  const ann = await open(first, "Ann", { width: 1100, height: 760 });
  const bob = await open(second, "Bob", { width: 390, height: 780 });

  for (const page of [ann, bob]) {
    await page.locator("#count-total").getByText("2", { exact: true }).waitFor();
    await page.locator("#count-servers").getByText("3", { exact: true }).waitFor();
    assert.equal(await page.locator("#servers li").count(), 3);
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
} finally {
  await browser.close();
}
