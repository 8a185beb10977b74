import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = readFileSync(new URL("../../service-worker.js", import.meta.url), "utf8");
const payload = (id, more = {}) => ({ v: 1, kind: "message", room: "r", room_name: "lobby", id, name: "Ann", text: "hi", at: "2026-03-01T10:00:00.000Z", ...more });
const data = (value) => ({ json: () => JSON.parse(typeof value === "string" ? value : JSON.stringify(value)) });

/** A worker whose pages answer as told: { visible, focused, reading, frozen }. */
function worker({ pages = [], agent = "Firefox", rooms = {} } = {}) {
  const on = {};
  const shown = new Map();
  const told = [];
  const opened = [];
  const clients = pages.map((page) => ({
    url: page.url ?? "http://x/", visibilityState: page.visible ? "visible" : "hidden", focused: Boolean(page.focused),
    postMessage(message, ports) {
      told.push(message.payload ?? message);
      if (!page.frozen && ports) ports[0].postMessage({ reading: Boolean(page.reading) });
    },
    focus: async () => opened.push("focus"),
  }));
  const sandbox = {
    URL, MessageChannel, JSON, Date,
    // Only a page that never answers is given up, so that a slow computer decides nothing.
    setTimeout: (run, _, ...with_) => pages.some((page) => page.frozen) && setTimeout(run, 1, ...with_),
    indexedDB: fakeRooms(rooms),
  };
  sandbox.self = {
    addEventListener: (name, handler) => { on[name] = handler; },
    skipWaiting() {},
    location: "http://x/service-worker.js",
    navigator: { userAgent: agent },
    clients: { matchAll: async () => clients, claim: async () => {}, openWindow: async (link) => opened.push(link) },
    registration: {
      getNotifications: async ({ tag }) => [...shown.values()].filter((one) => one.tag === tag),
      showNotification: async (title, options) => { shown.set(options.tag, { title, ...options }); },
    },
  };
  vm.runInNewContext(SOURCE, sandbox);
  const fire = async (name, event) => {
    let until;
    on[name]({ ...event, waitUntil: (promise) => { until = promise; } });
    assert.ok(until, "waitUntil is called at once");
    await until;
  };
  return { fire, shown, told, opened };
}

function fakeRooms(rooms) {
  return {
    open() {
      const opening = {};
      setImmediate(() => {
        opening.result = { close() {}, transaction: () => ({ objectStore: () => ({ get(id) {
          const asking = { transaction: {}, result: rooms[id] };
          setImmediate(() => asking.onsuccess());
          return asking;
        } }) }) };
        opening.onsuccess();
      });
      return opening;
    },
  };
}

test("nobody is disturbed only when somebody reads that very room: the matrix", async () => {
  const here = { visible: true, focused: true, reading: true };
  const cases = [
    ["focused on the room", [here], "Firefox", 0],
    ["focused on another room", [{ ...here, reading: false }], "Firefox", 1],
    ["visible, not focused", [{ ...here, focused: false }], "Firefox", 1],
    ["a background tab", [{ ...here, visible: false, focused: false }], "Firefox", 1],
    ["a frozen page", [{ ...here, frozen: true }], "Firefox", 1],
    ["no page at all", [], "Firefox", 1],
    ["two tabs, one of them reading", [{ ...here, visible: false }, here], "Firefox", 0],
    ["WebKit is never skipped", [here], "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15", 1],
    ["Chromium is no WebKit", [here], "Mozilla/5.0 AppleWebKit/537.36 Chrome/150.0 Safari/537.36", 0],
  ];
  for (const [name, pages, agent, expected] of cases) {
    const { fire, shown, told } = worker({ pages, agent });
    await fire("push", { data: data(payload("1")) });
    assert.equal(shown.size, expected, name);
    assert.equal(told.length, pages.length, `${name}: every page is told`);
  }
});

test("five messages with no page open are one notification with the newest text and a count", async () => {
  const { fire, shown } = worker();
  for (const id of "12345") await fire("push", { data: data(payload(id, { text: `no ${id}` })) });
  assert.deepEqual([...shown.values()].map(({ title, body, data: { count } }) => [title, body, count]), [["lobby (5 new)", "Ann: no 5", 5]]);
});

test("the same message twice is counted once and makes no second sound", async () => {
  const { fire, shown } = worker();
  await fire("push", { data: data(payload("1")) });
  assert.equal(shown.get("r").silent, null);
  await fire("push", { data: data(payload("1")) });
  assert.deepEqual([shown.get("r").data.count, shown.get("r").silent, shown.get("r").title], [1, true, "lobby"]);
});

test("whatever can't be read is still shown as a notification", async () => {
  for (const rubbish of [null, data("{"), data({ v: 2, room: "r" }), data({ v: 1 }), data("null"), data('"x"')]) {
    const { fire, shown } = worker();
    await fire("push", { data: rubbish });
    assert.deepEqual([...shown.values()].map(({ title }) => title), ["New message"]);
  }
});

test("the declarative form is read as the same message", async () => {
  const { fire, shown } = worker();
  await fire("push", { data: data({ web_push: 8030, notification: { title: "lobby", navigate: "https://x/" }, data: payload("1") }) });
  assert.equal(shown.get("r").body, "Ann: hi");
});

test("a click focuses the page of that room, or opens one by the room's link", async () => {
  const rooms = { r: { id: "r", token: "T1" } };
  const click = { notification: { close() {}, data: { room: "r" } } };
  const none = worker({ rooms });
  await none.fire("notificationclick", click);
  assert.deepEqual(none.opened, ["/#T1"]);
  const two = worker({ rooms, pages: [{ url: "http://x/#T0" }, { url: "http://x/#T1" }] });
  await two.fire("notificationclick", click);
  assert.deepEqual([two.opened, two.told.map(({ link }) => link)], [["focus"], ["/#T1"]]);
});
