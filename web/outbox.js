// What this member wrote and the server has not yet stored: pure. First in, first out; a failed one holds the later ones back.

const MAX_BYTES = 8192;

/** Why a text can't be sent, in words, or null. */
export function refusal(text) {
  const trimmed = text.trim();
  if (trimmed === "") return "Write something first";
  const bytes = new TextEncoder().encode(trimmed).length;
  if (bytes > MAX_BYTES) return `This is ${bytes - MAX_BYTES} bytes too long: ${MAX_BYTES} is the most`;
  return null;
}

/** Adds a text under its key. */
export const add = (outbox, { key, text, name, at }) => [...outbox, { key, text: text.trim(), name, at, state: "pending" }];

/** The entry to send now: the first, unless it failed and waits for its author. */
export const next = (outbox) => (outbox[0]?.state === "pending" ? outbox[0] : null);

export const sent = (outbox, key) => outbox.filter((entry) => entry.key !== key);
export const discard = sent;

export const failed = (outbox, key, why) => outbox.map((entry) => (entry.key === key ? { ...entry, state: "failed", why } : entry));

/** Tries a failed entry again, under the same key: had it been stored after all, it stays one message. */
export const retry = (outbox, key) =>
  outbox.map((entry) => (entry.key === key ? { key, text: entry.text, name: entry.name, at: entry.at, state: "pending" } : entry));

/** The outbox as kept between visits; anything that does not parse is an empty one. */
export function restore(text) {
  try {
    const entries = JSON.parse(text ?? "[]");
    return Array.isArray(entries) ? entries.filter((entry) => entry?.key && typeof entry.text === "string") : [];
  } catch {
    return [];
  }
}
