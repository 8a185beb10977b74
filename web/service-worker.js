// Shows what is pushed, opens the right room, renews the subscription. Imports nothing: a worker must start at once.

/** The notification for a payload; `shown` are those of its room still on screen. Pure. */
function notificationOf(payload, shown) {
  if (!payload) return { title: "New message", options: { body: "Open the chat to read it", tag: "chat" } };
  if (payload.kind === "test") {
    return { title: payload.room_name, options: { body: "Notifications work in this browser", tag: `test-${payload.id}`, icon: "/a/_/icon.svg", data: { room: payload.room } } };
  }
  const known = shown.find(({ data }) => data?.id === payload.id);
  const count = known ? known.data.count : shown.reduce((most, { data }) => Math.max(most, data?.count ?? 0), 0) + 1;
  const body = `${payload.name}: ${payload.text}${payload.more ? "…" : ""}`;
  return {
    title: count > 1 ? `${payload.room_name} (${count} new)` : payload.room_name,
    options: {
      body, tag: payload.room, renotify: !known && count === 1, silent: known ? true : null, icon: "/a/_/icon.svg",
      timestamp: Date.parse(payload.at), data: { room: payload.room, id: payload.id, count },
    },
  };
}

/** What a push's bytes say, or null: nothing that arrives may end without a notification. Pure. */
function payloadOf(data) {
  try {
    const value = data.json();
    const payload = value.web_push === 8030 ? value.data : value;
    return payload?.v === 1 && typeof payload.room === "string" ? payload : null;
  } catch {
    return null;
  }
}

const isWebKit = (agent) => agent.includes("AppleWebKit") && !/Chrom(e|ium)|Edg/.test(agent);

/** Gives a page the payload; true when somebody reads that room there now. A frozen page never answers, so not for long. */
function offer(client, payload) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const settle = (reading) => { port1.close(); resolve(reading); };
    port1.onmessage = ({ data }) => settle(Boolean(data.reading) && client.visibilityState === "visible" && client.focused);
    setTimeout(settle, 300, false);
    client.postMessage({ type: "push", payload }, [port2]);
  });
}

async function onPush(data) {
  const payload = data ? payloadOf(data) : null;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const readings = payload?.kind === "message" ? await Promise.all(pages.map((page) => offer(page, payload))) : [];
  if (readings.includes(true) && !isWebKit(self.navigator.userAgent)) return;
  const shown = payload ? await self.registration.getNotifications({ tag: payload.room }) : [];
  const { title, options } = notificationOf(payload, shown);
  await self.registration.showNotification(title, options);
}

function linkOf(room) {
  return new Promise((resolve) => {
    const opening = indexedDB.open("chat", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("rooms", { keyPath: "id" });
    opening.onerror = () => resolve("/");
    opening.onsuccess = () => {
      const asking = opening.result.transaction("rooms").objectStore("rooms").get(room ?? "");
      asking.onerror = () => resolve("/");
      asking.onsuccess = () => resolve(asking.result ? `/#${asking.result.token}` : "/");
      asking.transaction.oncomplete = () => opening.result.close();
    };
  });
}

async function onClick(room) {
  const link = await linkOf(room);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => new URL(page.url).hash === new URL(link, self.location).hash) ?? pages[0];
  if (!there) return self.clients.openWindow(link);
  await there.focus();
  there.postMessage({ type: "open", link });
}

async function onSubscriptionChange(event) {
  const options = event.oldSubscription?.options;
  if (!event.newSubscription && options) await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: options.applicationServerKey });
  for (const page of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) page.postMessage({ type: "subscribe" });
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(onPush(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(onClick(event.notification.data?.room));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(onSubscriptionChange(event)));
