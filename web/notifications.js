// Permission, subscription and its renewal. A browser is asked only when somebody pressed the button.

const WORKER = "/service-worker.js";
const PATIENCE_MS = 20000;

/** The one address that may become a script here (Trusted Types). */
function workerAddress() {
  const policy = globalThis.trustedTypes?.createPolicy("sw", { createScriptURL: () => WORKER });
  return policy ? policy.createScriptURL(WORKER) : WORKER;
}

/** Starts the worker; null where there is none (a private window, an old browser). */
export async function startWorker() {
  if (!navigator.serviceWorker) return null;
  try {
    await navigator.serviceWorker.register(workerAddress(), { scope: "/", updateViaCache: "none" });
    return await navigator.serviceWorker.ready;
  } catch {
    return null;
  }
}

/** `on`, `ask` (the button helps), `denied`, `install` (an iPhone's home screen first) or `none`. */
export function standing(registration) {
  if (!registration?.pushManager || !globalThis.Notification) {
    return /iPhone|iPad/.test(navigator.userAgent) ? "install" : "none";
  }
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" ? "on" : "ask";
}

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const same = (buffer, bytes) => buffer && bytes.length === buffer.byteLength && new Uint8Array(buffer).every((b, i) => b === bytes[i]);

function within(ms, promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("the browser's push service does not answer")), ms));
  return Promise.race([promise, late]);
}

/** Subscribes under the chat's key, or finds the subscription; one made under another key is made anew. Gives its JSON. */
export async function subscribe(registration, publicKey) {
  const key = bytesOf(publicKey);
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !same(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await within(PATIENCE_MS, registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  return subscription.toJSON();
}

/** Takes away what is on screen of a room that is being read. */
export async function clear(registration, room) {
  for (const shown of (await registration?.getNotifications({ tag: room })) ?? []) shown.close();
  await navigator.clearAppBadge?.().catch(() => {});
}
