// What the browser tests are given: the page's link, the push service's address, and chatctl as the other member.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import puppeteer from "puppeteer-core";

const run = promisify(execFile);

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are started by cargo xtask test`);
  return value;
}

/** The link of the room, with its token. */
export const page = () => needed("CHAT_PAGE");

/** Posts as another member would. */
export async function send(text, name = "Bob") {
  const { stdout } = await run(needed("CHATCTL"), ["--json", "send", "--name", name, "lobby", text]);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** The newest hundred texts that the API has, oldest first. */
export async function history() {
  const [origin, token] = page().split("/#");
  const answer = await fetch(`${origin}/api/messages?limit=100`, { headers: { authorization: `Bearer ${token}`, "chat-member": "A".repeat(43) } });
  if (!answer.ok) throw new Error(`GET /api/messages answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).items.map(({ text }) => text);
}

/** Fills the room: each line by one of several members, so that nobody is slowed down. */
export async function fill(lines) {
  const [origin, token] = page().split("/#");
  for (const [at, text] of lines.entries()) {
    const member = `${"ABCDEFGH"[at % 8]}${"A".repeat(42)}`;
    const headers = { authorization: `Bearer ${token}`, "chat-member": member, "idempotency-key": `fill-${Date.now()}-${at}`, "content-type": "application/json" };
    const answer = await fetch(`${origin}/api/messages`, { method: "POST", headers, body: JSON.stringify({ name: `Filler ${at % 8}`, text }) });
    if (answer.status !== 201) throw new Error(`POST answered ${answer.status}: ${await answer.text()}`);
  }
}

const LOOPBACK_ONLY = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1";

/** A Chromium that can reach nothing but loopback. */
export const chromium = (options = {}) =>
  puppeteer.launch({
    executablePath: needed("CHROMIUM"),
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync", `--host-resolver-rules=${LOOPBACK_ONLY}`],
    ...options,
  });

/** An unmodified Firefox whose push service is the local cloud: five preferences, nothing else. */
export const firefox = () =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: needed("FIREFOX"),
    headless: true,
    extraPrefsFirefox: {
      "dom.push.serverURL": needed("CHAT_PUSH"),
      "dom.push.testing.allowInsecureServerURL": true,
      "dom.push.connection.enabled": true,
      "permissions.default.desktop-notification": 1,
      "alerts.useSystemBackend": false,
    },
  });

/** Opens the page and gives a name, as a newcomer does. */
export async function join(tab, name, link = page()) {
  await tab.goto(link);
  await tab.waitForSelector("#name", { visible: true });
  await tab.type("#name", name);
  await tab.click("#naming button");
  await tab.waitForSelector("#draft", { visible: true });
}

/** Waits until a row with this text stands in the timeline. */
export const row = (tab, text, state = "") =>
  tab.waitForFunction(
    (text, state) => [...document.querySelectorAll(`.message${state} .text`)].some((node) => node.textContent === text),
    { timeout: 30000 }, text, state,
  );

/** How often a text stands in the timeline. */
export const count = (tab, text) =>
  tab.evaluate((text) => [...document.querySelectorAll(".message .text")].filter((node) => node.textContent === text).length, text);
