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

/** Tells the worker which link opens a room. */
export function rememberRoom(room) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("rooms", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const writing = opening.result.transaction("rooms", "readwrite");
      writing.objectStore("rooms").put(room);
      writing.oncomplete = () => { opening.result.close(); resolve(); };
      writing.onerror = () => reject(writing.error);
    };
  });
}
