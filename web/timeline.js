// Draws the rows and keeps the reader's place. Every word is set as text: nothing a member writes becomes markup.

const NEAR = 100;
const LINK = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}']/g;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A text with its addresses as links. */
function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const link = element("a", "", found[0]);
    Object.assign(link, { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow" });
    parts.push(text.slice(from, found.index), link);
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}

const classOf = (row, own) =>
  ["message", own && "own", row.next && "next", row.removed && "removed", row.state].filter(Boolean).join(" ");

function draw(row, own, actions) {
  const text = element("p", "text", ...(row.removed ? ["This message was removed"] : linked(row.text)));
  const at = element("time", "at", row.state === "pending" ? "sending" : row.state === "waiting" ? "waiting" : time.format(new Date(row.at)));
  at.title = full.format(new Date(row.at));
  const made = element("li", classOf(row, own), element("span", "by", row.name), text, at);
  if (row.state === "failed") made.append(recovery(row, actions));
  return made;
}

function recovery(row, actions) {
  const again = element("button", "", "Retry");
  const drop = element("button", "", "Delete");
  for (const button of [again, drop]) button.type = "button";
  again.addEventListener("click", () => actions.retry(row.key));
  drop.addEventListener("click", () => actions.discard(row.key));
  return element("div", "again", element("span", "", `Not sent: ${row.why}`), again, drop);
}

/** The list in `list`, inside `scroller`. `show(rows)` is all there is to it; rows have an `id` or, not yet stored, a `key`. */
export function createTimeline({ scroller, list, fresh, own, actions }) {
  let drawn = new Map();
  let unseen = 0;
  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
  const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };
  const tellUnseen = () => {
    fresh.hidden = unseen === 0;
    fresh.textContent = unseen === 1 ? "1 new message" : `${unseen} new messages`;
  };
  fresh.addEventListener("click", toEnd);
  scroller.addEventListener("scroll", () => {
    if (atEnd()) { unseen = 0; tellUnseen(); }
  }, { passive: true });

  /** The rows in sight and where they stand, so that rows put above them do not move them. */
  function held() {
    const top = scroller.getBoundingClientRect().top;
    return [...drawn].map(([name, { node }]) => ({ name, box: node.getBoundingClientRect() })).filter(({ box }) => box.bottom > top);
  }
  function keepPlace(places) {
    const place = places.find(({ name }) => drawn.has(name));
    if (place) scroller.scrollTop += drawn.get(place.name).node.getBoundingClientRect().top - place.box.top;
  }

  function nodesOf(rows) {
    const nodes = [];
    const now = new Map();
    for (const { day, ...row } of rows) {
      if (day) nodes.push(element("li", "day", date.format(new Date(row.at))));
      const name = row.id ?? row.key;
      const look = JSON.stringify(row);
      const known = drawn.get(name);
      const node = known?.look === look ? known.node : draw(row, own(row), actions);
      now.set(name, { look, node });
      nodes.push(node);
    }
    drawn = now;
    return nodes;
  }

  return {
    atTop: () => scroller.scrollTop < 200,
    /** True when nothing is left to scroll: whatever is earlier has to be asked for now. */
    short: () => scroller.scrollHeight <= scroller.clientHeight,
    toEnd,
    show(rows, { earlier = false, arrived = 0 } = {}) {
      const stick = atEnd() && !earlier;
      const places = stick ? [] : held();
      // While earlier rows are put in front, a screen reader stays quiet.
      list.setAttribute("aria-live", earlier ? "off" : "polite");
      list.replaceChildren(...nodesOf(rows));
      if (stick) toEnd();
      else keepPlace(places);
      if (!stick && arrived > 0) { unseen += arrived; tellUnseen(); }
    },
  };
}
