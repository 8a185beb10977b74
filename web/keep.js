// What stays in this browser: who I am (a secret made once), my name, drafts and outboxes, and, for the worker, which room has which link.

const DATABASE = "chat";

export const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** A random word of so many bytes, base64url. */
export const random = (bytes) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

/** A value made once and the same ever after. */
export function once(key, make) {
  const known = localStorage.getItem(key);
  if (known) return known;
  const made = make();
  localStorage.setItem(key, made);
  return made;
}

/** The author id of a member's secret: what the server stores with each message. */
export async function authorOf(member) {
  const secret = Uint8Array.from(atob(member.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const prefix = new TextEncoder().encode("chatctl member");
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array([...prefix, ...secret]));
  return base64url(new Uint8Array(digest).slice(0, 12));
}

/** One transaction over the rooms whose links this browser knows. */
function withRooms(mode, ask) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("rooms", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("rooms", mode);
      const asked = ask(transaction.objectStore("rooms"));
      transaction.oncomplete = () => { opening.result.close(); resolve(asked.result); };
      transaction.onerror = () => reject(transaction.error);
    };
  });
}

/** Tells the worker which link opens a room. */
export const rememberRoom = (room) => withRooms("readwrite", (rooms) => rooms.put(room));

/** The token of a room that this browser has been in; undefined of any other. */
export const tokenOfRoom = (id) => withRooms("readonly", (rooms) => rooms.get(id)).then((room) => room?.token);
