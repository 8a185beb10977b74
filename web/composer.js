// The form: Enter sends, Shift+Enter breaks the line, a draft outlives a reload.

import { refusal } from "./outbox.js";

/** Wires the form; `submit(text)` gets each text that may be sent. `draftKey` is where the draft is kept. */
export function createComposer({ form, field, problem, draftKey, submit }) {
  const touch = matchMedia("(pointer: coarse)").matches;

  function grow() {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  }
  function complain(why) {
    problem.textContent = why ?? "";
    problem.hidden = !why;
  }
  function send() {
    const why = refusal(field.value);
    complain(why === "Write something first" ? null : why);
    if (why) return;
    submit(field.value);
    field.value = "";
    localStorage.removeItem(draftKey);
    grow();
  }

  field.value = localStorage.getItem(draftKey) ?? "";
  field.addEventListener("input", () => {
    complain(null);
    grow();
    localStorage.setItem(draftKey, field.value);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch) return;
    event.preventDefault();
    send();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    field.focus();
  });
  grow();
}
