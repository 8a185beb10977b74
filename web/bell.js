// The one button that turns notifications on, and everything the worker tells this page.

import { once, random } from "./keep.js";
import { clear, standing, startWorker, subscribe } from "./notifications.js";

const RECOVERY = {
  denied: "Notifications are blocked for this site. Allow them in the browser's site settings (the icon left of the address), then reload.",
  install: "On this device, add the page to the home screen first: Share, then “Add to Home Screen”.",
};

export async function createBell({ button, api, say, conversation }) {
  const registration = await startWorker();
  const read = () => {
    if (document.visibilityState === "visible" && document.hasFocus() && conversation.roomId()) clear(registration, conversation.roomId());
  };

  /** Brings browser and server to one mind: safe to repeat, on every visit. */
  async function register() {
    const { vapid_public_key: key } = await api.config();
    const install = once("chat.install", () => random(16));
    await api.register(await subscribe(registration, key), install);
    conversation.pushed(true);
  }
  function show() {
    const stands = standing(registration);
    button.hidden = stands === "on" || stands === "none";
    if (stands === "denied") button.textContent = "Notifications are blocked";
    return stands;
  }
  async function heal() {
    if (show() !== "on") return;
    try {
      await register();
    } catch (problem) {
      conversation.pushed(false);
      say(`Notifications don't work now: ${problem.message}. Messages still arrive while this page is open.`);
    }
  }

  button.addEventListener("click", async () => {
    const stands = show();
    if (RECOVERY[stands]) return say(RECOVERY[stands]);
    button.disabled = true;
    await Notification.requestPermission();
    button.disabled = false;
    if (show() === "denied") say(RECOVERY.denied);
    else await heal();
  });

  navigator.serviceWorker?.addEventListener("message", ({ data, ports }) => {
    if (data.type === "push") {
      const here = data.payload?.room === conversation.roomId();
      ports[0]?.postMessage({ reading: here && document.visibilityState === "visible" });
      if (here) conversation.receive(data.payload);
    } else if (data.type === "open" && data.link !== `/${location.hash}`) {
      location.assign(data.link);
    } else if (data.type === "subscribe") {
      heal();
    }
  });
  addEventListener("focus", read);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") { heal(); read(); } });
  await heal();
  read();
}
