// What is known of a room: pure. Items come by page, by push and by our own posts, in any order, some twice.

const GROUP_MS = 5 * 60 * 1000;

export const emptyHistory = () => ({ messages: new Map(), removed: new Set() });

/**
 * A new history with these items in it; known ones change nothing. `added` lists the ids of the messages that are news:
 * not known, and not from before all that is known (a catch-up looks back a little, further than a page may reach).
 */
export function merge(history, items) {
  const messages = new Map(history.messages);
  const removed = new Set(history.removed);
  const added = [];
  const oldest = [...history.messages.keys()].reduce((least, id) => (id < least ? id : least), "\uffff");
  for (const item of items) {
    if (item.kind === "deletion") {
      removed.add(item.of);
    } else if (item.kind === "message") {
      const known = messages.get(item.id);
      if (!known && (history.messages.size === 0 || item.id > oldest)) added.push(item.id);
      // A push carries a long text cut short; the whole one replaces it, never the other way.
      if (!known || (known.more && !item.more)) messages.set(item.id, item);
    }
  }
  return { history: { messages, removed }, added };
}

/** The message that a push payload carries, as an item. */
export function itemOfPush({ id, author, name, text, at, more }) {
  return { kind: "message", id, author, name, text, at, ...(more ? { more } : {}) };
}

/** All messages, oldest first: ids are ordered by time. */
export function ordered({ messages, removed }) {
  return [...messages.values()]
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map((item) => (removed.has(item.id) ? { ...item, removed: true, text: "" } : item));
}

/** True when any message is only known in part and has to be fetched whole. */
export const incomplete = ({ messages }) => [...messages.values()].some((item) => item.more);

const day = (at) => new Date(at).toDateString();

/** The rows to draw: each message with `day` (its day begins here) and `next` (follows its author's own closely). */
export function rows(items) {
  return items.map((item, at) => {
    const before = items[at - 1];
    const newDay = !before || day(before.at) !== day(item.at);
    const near = before && before.author === item.author && before.name === item.name && new Date(item.at) - new Date(before.at) < GROUP_MS;
    return { ...item, day: newDay, next: Boolean(near && !newDay) };
  });
}
