// Wires the others: who I am, which room, what is shown, what wakes it.

import { createApi } from "./api.js";
import { createComposer } from "./composer.js";
import { authorOf, once, random, tokenOfRoom } from "./keep.js";
import { createNaming } from "./naming.js";
import { createBell } from "./bell.js";
import { createConversation } from "./conversation.js";
import { currentToken, roomAsked } from "./room.js";
import { createTimeline } from "./timeline.js";

const $ = (id) => document.getElementById(id);

function say(text, bad = false) {
  $("notice").textContent = text ?? "";
  $("notice").hidden = !text;
  $("notice").classList.toggle("bad", bad);
}

function showLive(state) {
  const words = { on: "live, by push", polling: "live while open", offline: "reconnecting", connecting: "connecting" };
  $("live").textContent = words[state];
  $("live").classList.toggle("on", state === "on" || state === "polling");
}

function showRoom(room) {
  $("room-name").textContent = room.name;
  document.title = `${room.name} · chat`;
}

async function start() {
  const asked = roomAsked(location.search);
  const known = asked && (await tokenOfRoom(asked));
  if (known) return location.replace(`/#${known}`);
  const token = currentToken(location, localStorage);
  if (!token) {
    $("live").hidden = true;
    say("This link is not whole. Ask for the room's link again: it ends in # and 111 letters and digits.", true);
    return;
  }
  const member = once("chat.member", () => random(32));
  const me = await authorOf(member);
  const api = createApi(token, member);

  let conversation;
  const timeline = createTimeline({
    scroller: $("scroller"), list: $("timeline"), fresh: $("fresh"),
    own: (row) => Boolean(row.state) || row.author === me,
    actions: { retry: (key) => conversation.retry(key), discard: (key) => conversation.discard(key) },
  });
  conversation = createConversation({ api, token, timeline, showRoom, showLive, say, showEmpty: (empty) => { $("empty").hidden = !empty; } });

  const naming = createNaming({ form: $("naming"), field: $("name"), problem: $("name-problem") });
  const name = await naming.name((needed) => { $("composer").hidden = needed; });
  createComposer({
    form: $("composer"), field: $("draft"), problem: $("draft-problem"), draftKey: `chat.draft.${token.slice(0, 24)}`,
    submit: (text) => conversation.write(text, name),
  });

  $("scroller").addEventListener("scroll", () => { if (timeline.atTop()) conversation.earlier(); }, { passive: true });
  createBell({ button: $("notify"), api, say, conversation });
}

addEventListener("hashchange", () => location.reload());
start();
