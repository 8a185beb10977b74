// A real, unmodified Firefox subscribes at the local cloud's push service, and decrypts what the notifier sealed.

import { after, before, test } from "node:test";
import { firefox, join, row, send } from "./world.js";

let browser;
let tab;
before(async () => {
  browser = await firefox();
  tab = await browser.newPage();
});
after(async () => { await browser?.close(); });

test("it opens the link, subscribes, and gets another member's encrypted message as a push", { timeout: 120000 }, async () => {
  await join(tab, "Fox");
  await tab.waitForFunction(() => document.getElementById("live").textContent === "live, by push", { timeout: 90000 });
  await tab.evaluate(() => {
    globalThis.pushed = [];
    navigator.serviceWorker.addEventListener("message", ({ data }) => { if (data.type === "push") globalThis.pushed.push(data.payload.text); });
  });
  const text = "für dich: 狐, with love 🦊";
  await send(text);
  await tab.waitForFunction((text) => globalThis.pushed.includes(text), { timeout: 30000 }, text);
  await row(tab, text);
});

test("with its tab in the background, it shows a notification", { timeout: 60000 }, async () => {
  const other = await browser.newPage();
  await other.goto("about:blank");
  await other.bringToFront();
  await tab.waitForFunction(() => document.visibilityState === "hidden", { timeout: 10000, polling: 100 }).catch(() => {});
  await tab.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    for (const shown of await registration.getNotifications()) shown.close();
  });
  await send("are you there?");
  await tab.waitForFunction(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).some(({ title, body }) => title.startsWith("lobby") && body === "Bob: are you there?");
  }, { timeout: 30000, polling: 100 });
});

test("a test push reaches it too", { timeout: 60000 }, async () => {
  const { execFileSync } = await import("node:child_process");
  execFileSync(process.env.CHATCTL, ["--json", "push"]);
  await tab.waitForFunction(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).some(({ body }) => body === "Notifications work in this browser");
  }, { timeout: 30000, polling: 100 });
});
