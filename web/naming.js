// Asks for a name, once.

const KEY = "chat.name";
const FORBIDDEN = /[\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]/u;

/** Why this can't be a name, or null. */
export function nameRefusal(name) {
  if (name === "") return "Any name will do, but there has to be one";
  if ([...name].length > 64) return "64 letters are the most";
  return FORBIDDEN.test(name) ? "There is a letter in it that can't be shown" : null;
}

/** `name(onNeeded)` settles with the member's name; `onNeeded` hears whether it is still to be asked for. */
export function createNaming({ form, field, problem }) {
  return {
    name(onNeeded) {
      const known = localStorage.getItem(KEY);
      onNeeded(!known);
      form.hidden = Boolean(known);
      if (known) return Promise.resolve(known);
      field.focus();
      return new Promise((resolve) => {
        form.addEventListener("submit", (event) => {
          event.preventDefault();
          const name = field.value.trim();
          const why = nameRefusal(name);
          problem.textContent = why ?? "";
          problem.hidden = !why;
          if (why) return;
          localStorage.setItem(KEY, name);
          form.hidden = true;
          onNeeded(false);
          resolve(name);
        });
      });
    },
  };
}
