// A real Chromium reads and writes, keeps the reader's place, and says what failed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium, count, fill, history, join, page, row, send } from "./world.js";

let browser;
before(async () => { browser = await chromium(); });
after(async () => { await browser?.close(); });

/** A tab of a fresh profile; `broken` collects what a page may never do. */
async function newcomer(options) {
  const context = await browser.createBrowserContext();
  const tab = await context.newPage();
  if (options) await tab.setViewport(options);
  tab.broken = [];
  tab.on("pageerror", (error) => tab.broken.push(String(error)));
  tab.on("console", (message) => { if (/Content Security Policy|Trusted/.test(message.text())) tab.broken.push(message.text()); });
  return tab;
}

test("a newcomer with the link reads and writes, asked for nothing but a name", async () => {
  const tab = await newcomer();
  await join(tab, "Ann");
  await tab.type("#draft", "hello from chromium");
  await tab.keyboard.press("Enter");
  await row(tab, "hello from chromium", ".own:not(.pending)");
  assert.equal(await count(tab, "hello from chromium"), 1);
  assert.ok((await history()).includes("hello from chromium"));
  await send("hello from chatctl");
  await row(tab, "hello from chatctl", ":not(.own)");
  assert.deepEqual(tab.broken, []);
});

test("the name, the own messages and the draft outlive a reload", async () => {
  const tab = await newcomer();
  await join(tab, "Cleo");
  await tab.type("#draft", "kept by cleo");
  await tab.keyboard.press("Enter");
  await row(tab, "kept by cleo", ".own:not(.pending)");
  await tab.type("#draft", "half a though");
  await tab.reload();
  await row(tab, "kept by cleo", ".own");
  assert.equal(await tab.$eval("#draft", (field) => field.value), "half a though");
  assert.equal(await tab.$eval("#naming", (form) => form.hidden), true);
});

test("a message that the server refuses stands as failed, and Retry stores it once", async () => {
  const tab = await newcomer();
  await join(tab, "Dan");
  await tab.setRequestInterception(true);
  const keys = [];
  let refuse = true;
  tab.on("request", (request) => {
    if (request.method() !== "POST" || !request.url().endsWith("/api/messages")) return request.continue();
    keys.push(request.headers()["idempotency-key"]);
    return refuse ? request.respond({ status: 500, contentType: "application/problem+json", body: '{"title":"broken","code":"internal","detail":"the chat is broken"}' }) : request.continue();
  });
  await tab.type("#draft", "second time lucky");
  await tab.keyboard.press("Enter");
  await row(tab, "second time lucky", ".failed");
  refuse = false;
  await tab.click(".failed .again button");
  await row(tab, "second time lucky", ".own:not(.failed):not(.pending)");
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal((await history()).filter((text) => text === "second time lucky").length, 1);
});

test("what is written is text: no markup, no script, no strange link", async () => {
  const tab = await newcomer();
  await join(tab, "Eve");
  const corpus = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "javascript:alert(1)", "\"><svg onload=alert(1)>", "[x](javascript:alert(1))"];
  let dialogs = 0;
  tab.on("dialog", (dialog) => { dialogs += 1; dialog.dismiss(); });
  for (const text of corpus) await send(text, "<b>Mallory</b>");
  await send("see https://example.org/a?b=c.");
  for (const text of [...corpus, "see https://example.org/a?b=c."]) await row(tab, text);
  const links = await tab.$$eval(".timeline a", (all) => all.map(({ href, rel }) => [href, rel]));
  assert.deepEqual(links, [["https://example.org/a?b=c", "noopener noreferrer nofollow"]]);
  assert.equal(dialogs, 0);
  assert.deepEqual(tab.broken, []);
});

test("earlier messages come on scrolling up, and the row in sight does not move", async () => {
  await fill(Array.from({ length: 70 }, (_, at) => `line ${at}`));
  const tab = await newcomer({ width: 800, height: 600 });
  await join(tab, "Fay");
  await row(tab, "line 69");
  const before_ = await tab.$$eval(".message", (rows) => rows.length);
  const held = await tab.evaluate(async () => {
    const scroller = document.getElementById("scroller");
    scroller.scrollTop = 150;
    const first = [...document.querySelectorAll(".message")].find((node) => node.getBoundingClientRect().bottom > scroller.getBoundingClientRect().top);
    const at = first.getBoundingClientRect().top;
    const rows = document.querySelectorAll(".message").length;
    for (let tries = 0; tries < 300 && document.querySelectorAll(".message").length === rows; tries += 1) await new Promise(requestAnimationFrame);
    return { moved: Math.abs(first.getBoundingClientRect().top - at), rows: document.querySelectorAll(".message").length };
  });
  assert.ok(held.rows > before_, `${held.rows} rows after ${before_}`);
  assert.ok(held.moved <= 2, `moved by ${held.moved} px`);
  await row(tab, "line 0");
  assert.equal(await count(tab, "line 35"), 1);
});

test("a reader who has scrolled up stays there and is told of what is new", async () => {
  const tab = await newcomer({ width: 800, height: 500 });
  await join(tab, "Gus");
  await row(tab, "line 69");
  const place = () => tab.evaluate(() => {
    const line = [...document.querySelectorAll(".message")].find((node) => node.textContent.includes("line 62"));
    return Math.round(line.getBoundingClientRect().top);
  });
  await tab.evaluate(() => { document.getElementById("scroller").scrollTop -= 500; });
  const before_ = await place();
  await send("you are up there");
  await tab.waitForFunction(() => document.getElementById("fresh").textContent === "1 new message", { timeout: 30000 });
  assert.equal(await place(), before_);
  await tab.click("#fresh");
  await tab.waitForFunction(() => document.getElementById("fresh").hidden);
});

test("a link that is cut, forged or missing says so", async () => {
  const [origin, token] = page().split("#");
  const cases = [[origin, "not whole"], [`${origin}#${token.slice(0, 80)}`, "not whole"], [`${origin}#${token.slice(0, -6)}AAAAAA`, "No room has this link"]];
  for (const [link, words] of cases) {
    const tab = await newcomer();
    await tab.goto(link);
    await tab.waitForFunction((words) => document.getElementById("notice").textContent.includes(words), { timeout: 15000 }, words);
  }
});

test("nothing is cut off or wider than the screen at 320 pixels, in both colour schemes", async () => {
  for (const scheme of ["light", "dark"]) {
    const tab = await newcomer({ width: 320, height: 568 });
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await join(tab, "Hal");
    await send(`a very long word ${"x".repeat(300)}`);
    await row(tab, `a very long word ${"x".repeat(300)}`);
    assert.equal(await tab.evaluate(() => document.documentElement.scrollWidth), 320);
    const box = await tab.$eval("#send", (node) => node.getBoundingClientRect().toJSON());
    assert.ok(box.right <= 320 && box.bottom <= 568, JSON.stringify(box));
  }
});

test("at 360 pixels a failed message's reason has a line of its own, its buttons stand side by side, and the state is one line", async () => {
  const tab = await newcomer({ width: 360, height: 740 });
  await join(tab, "Ida");
  await tab.setRequestInterception(true);
  const broken = { status: 500, contentType: "application/problem+json", body: '{"title":"broken","code":"internal","detail":"the chat is broken, and says so at length"}' };
  tab.on("request", (request) => (request.method() === "POST" && request.url().endsWith("/api/messages") ? request.respond(broken) : request.continue()));
  await tab.type("#draft", "narrow and refused");
  await tab.keyboard.press("Enter");
  await row(tab, "narrow and refused", ".failed");
  const [reason, again, drop] = await tab.$$eval(".failed .again > *", (all) => all.map((node) => node.getBoundingClientRect().toJSON()));
  assert.ok(reason.bottom <= again.top && again.top === drop.top && again.right < drop.left, JSON.stringify([reason, again, drop]));
  await tab.$eval("#notify", (button) => { button.hidden = false; });
  for (const words of ["live, by push", "live while open", "reconnecting", "connecting"]) {
    const { height, cut } = await tab.$eval("#live", (node, text) => {
      node.textContent = text;
      return { height: node.getBoundingClientRect().height, cut: node.scrollWidth > node.clientWidth };
    }, words);
    assert.ok(height < 25 && !cut, `${words}: ${height} px`);
  }
});
