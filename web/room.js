// Which room this page shows: the capability in the fragment, which no server ever sees in an address.

const TOKEN = /^#?([A-Za-z0-9_-]{111})$/;

/** The room token in a location's fragment, or null when there is none of the right form. */
export function tokenOf(fragment) {
  return TOKEN.exec(fragment)?.[1] ?? null;
}

/** The room that a declarative notification names (`/?room=<hash>`): its link is known to this browser alone. */
export const roomAsked = (search) => new URLSearchParams(search).get("room");

/** The token of this visit: the fragment's, else (an installed app starts without one) the last room's. */
export function currentToken(location, storage) {
  const token = tokenOf(location.hash);
  if (token) storage.setItem("chat.last", token);
  return token ?? (location.hash.length > 1 ? null : storage.getItem("chat.last"));
}
