// One room's talk: asks for pages, sends the outbox, catches up, and has the timeline draw it all.

import { emptyHistory, incomplete, itemOfPush, merge, ordered, rows } from "./history.js";
import { rememberRoom, random } from "./keep.js";
import * as outbox from "./outbox.js";

const FAST_MS = 3000;
const CALM_MS = 20000;

export function createConversation({ api, token, timeline, showRoom, showLive, say, showEmpty }) {
  const kept = `chat.outbox.${token.slice(0, 24)}`;
  let history = emptyHistory();
  let waiting = outbox.restore(localStorage.getItem(kept));
  let room = null;
  let cursor = { after: null, before: null };
  let push = false;
  let busy = { poll: false, earlier: false, flush: false };
  let timer;

  function draw(how = {}) {
    const items = rows(ordered(history));
    const unsent = waiting.map((entry, at) => ({ ...entry, state: entry.state === "failed" ? "failed" : at > 0 && waiting[0].state === "failed" ? "waiting" : "pending" }));
    timeline.show([...items, ...unsent], how);
    showEmpty(room !== null && items.length + unsent.length === 0);
  }
  function take(items, how = {}) {
    const merged = merge(history, items);
    history = merged.history;
    draw({ arrived: how.earlier ? 0 : merged.added.length, ...how });
  }
  function keepOutbox(entries) {
    waiting = entries;
    localStorage.setItem(kept, JSON.stringify(waiting));
  }

  async function first() {
    const page = await api.page();
    room = page.room;
    cursor = { after: page.after, before: page.before };
    showRoom(room);
    await rememberRoom({ id: room.id, name: room.name, token }).catch(() => {});
    take(page.items);
    timeline.toEnd();
    if (timeline.short()) earlier();
  }
  async function catchUp() {
    for (let more = true; more;) {
      const page = await api.page({ after: cursor.after });
      if (!page) return;
      cursor.after = page.after;
      take(page.items);
      more = page.more;
    }
    // What a push brought in part lies before the cursor by now or never: ask for the newest page whole.
    if (incomplete(history)) take((await api.page()).items);
  }
  async function poll() {
    if (busy.poll || document.visibilityState !== "visible") return;
    busy.poll = true;
    clearTimeout(timer);
    let wait = push ? CALM_MS : FAST_MS;
    try {
      await (room ? catchUp() : first());
      showLive(push ? "on" : "polling");
      flush();
    } catch (problem) {
      if (!problem.transient) return void say(ended(problem), true);
      showLive("offline");
      wait = Math.max(FAST_MS, problem.retryAfter * 1000);
    } finally {
      busy.poll = false;
    }
    timer = setTimeout(poll, wait);
  }

  async function earlier() {
    if (busy.earlier || !cursor.before) return;
    busy.earlier = true;
    try {
      const page = await api.page({ before: cursor.before });
      cursor.before = page.before;
      take(page.items, { earlier: true });
    } catch (problem) {
      say(`Earlier messages can't be loaded: ${problem.message}`);
    } finally {
      busy.earlier = false;
    }
  }

  async function flush() {
    if (busy.flush) return;
    busy.flush = true;
    for (let entry; (entry = outbox.next(waiting));) {
      try {
        const message = await api.post(entry.key, { name: entry.name, text: entry.text });
        keepOutbox(outbox.sent(waiting, entry.key));
        take([message], { arrived: 0 });
      } catch (problem) {
        // Without an answer it stays pending: the next poll that gets through sends it, under the same key.
        if (problem.status === 0 || problem.status === 429) break;
        keepOutbox(outbox.failed(waiting, entry.key, problem.message));
        draw();
      }
    }
    busy.flush = false;
  }

  addEventListener("online", poll);
  document.addEventListener("visibilitychange", poll);
  showLive("connecting");
  draw();
  poll();

  return {
    roomId: () => room?.id ?? null,
    earlier,
    pushed: (works) => { push = works; if (room) showLive(works ? "on" : "polling"); },
    receive: (payload) => { take([itemOfPush(payload)]); if (payload.more) poll(); },
    write(text, name) {
      keepOutbox(outbox.add(waiting, { key: random(16), text, name, at: new Date().toISOString() }));
      draw();
      timeline.toEnd();
      flush();
    },
    retry: (key) => { keepOutbox(outbox.retry(waiting, key)); draw(); flush(); },
    discard: (key) => { keepOutbox(outbox.discard(waiting, key)); draw(); flush(); },
  };
}

const ended = ({ status, message }) =>
  status === 410 ? "This link was replaced. Ask for the room's new link." : status === 404 ? "No room has this link. Ask for it again." : `The chat refused: ${message}`;
