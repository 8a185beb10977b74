import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyHistory, incomplete, itemOfPush, merge, ordered, rows } from "../../history.js";

const message = (id, more = {}) => ({ kind: "message", id, author: "a", name: "Ann", text: `text ${id}`, at: "2026-03-01T10:00:00.000Z", ...more });
const ids = (history) => ordered(history).map(({ id }) => id);
const permutations = (list) => (list.length < 2 ? [list] : list.flatMap((x, i) => permutations(list.filter((_, at) => at !== i)).map((rest) => [x, ...rest])));

test("a message that comes by post, by push and by poll is one row in every order of the three", () => {
  const ways = [message("2"), itemOfPush({ v: 1, room: "r", ...message("2") }), message("2")];
  for (const order of permutations([0, 1, 2])) {
    let history = merge(emptyHistory(), [message("1"), message("3")]).history;
    for (const way of order) history = merge(history, [ways[way]]).history;
    assert.deepEqual(ids(history), ["1", "2", "3"]);
  }
});

test("only what was not known counts as added", () => {
  const { history } = merge(emptyHistory(), [message("1")]);
  assert.deepEqual(merge(history, [message("1"), message("2")]).added, ["2"]);
});

test("what lies before all that was known is no news", () => {
  const { history } = merge(emptyHistory(), [message("5"), message("7")]);
  assert.deepEqual(merge(history, [message("3"), message("6"), message("8")]).added, ["6", "8"]);
});

test("a text cut short by a push is replaced by the whole one and never the other way", () => {
  const short = message("1", { text: "long", more: true });
  const whole = message("1", { text: "long and whole" });
  for (const order of [[short, whole], [whole, short]]) {
    let history = emptyHistory();
    for (const item of order) history = merge(history, [item]).history;
    assert.equal(ordered(history)[0].text, "long and whole");
    assert.equal(incomplete(history), false);
  }
  assert.equal(incomplete(merge(emptyHistory(), [short]).history), true);
});

test("a deletion hides the text even when it comes before its message", () => {
  const deletion = { kind: "deletion", id: "9", of: "1" };
  for (const order of [[deletion, message("1")], [message("1"), deletion]]) {
    const { history } = merge(emptyHistory(), order);
    assert.deepEqual(ordered(history).map(({ text, removed }) => [text, removed]), [["", true]]);
  }
});

test("kinds of a later version are passed over", () => {
  assert.deepEqual(merge(emptyHistory(), [{ kind: "reaction", id: "1" }]).added, []);
});

test("messages of one author less than five minutes apart are grouped, a new day never", () => {
  const at = (time) => new Date(2026, 2, 1, ...time).toISOString();
  const drawn = rows([
    message("1", { at: at([10, 0, 0]) }), message("2", { at: at([10, 4, 59]) }), message("3", { at: at([10, 10, 0]) }),
    message("4", { at: at([23, 59, 0]) }), message("5", { at: at([24, 1, 0]) }), message("6", { at: at([24, 1, 30]), author: "b" }),
  ]);
  assert.deepEqual(drawn.map(({ next }) => next), [false, true, false, false, false, false]);
  assert.deepEqual(drawn.map(({ day }) => day), [true, false, false, false, true, false]);
});
