import assert from "node:assert/strict";
import { test } from "node:test";
import * as outbox from "../../outbox.js";

const entry = (key) => ({ key, text: ` text ${key} `, name: "Ann", at: "2026-03-01T10:00:00.000Z" });
const filled = (...keys) => keys.reduce((box, key) => outbox.add(box, entry(key)), []);

test("what was written first is sent first, its text trimmed", () => {
  assert.deepEqual(outbox.next(filled("a", "b")), { ...entry("a"), text: "text a", state: "pending" });
});

test("a failed message holds back the later ones until it is retried or deleted", () => {
  const box = outbox.failed(filled("a", "b"), "a", "500");
  assert.equal(outbox.next(box), null);
  assert.equal(outbox.next(outbox.retry(box, "a")).key, "a");
  assert.equal(outbox.next(outbox.discard(box, "a")).key, "b");
});

test("a retry keeps the key, so that the server can tell that it is the same message", () => {
  const [again] = outbox.retry(outbox.failed(filled("a"), "a", "500"), "a");
  assert.deepEqual(again, { ...entry("a"), text: "text a", state: "pending" });
});

test("what was kept is restored, and rubbish is an empty outbox", () => {
  const box = filled("a", "b");
  assert.deepEqual(outbox.restore(JSON.stringify(box)), box);
  for (const rubbish of [null, "", "{", "{}", "3", "[null, 1, {}]"]) assert.deepEqual(outbox.restore(rubbish), []);
});

test("empty and too long texts are refused with a reason, and 8192 bytes pass", () => {
  assert.match(outbox.refusal(" \n\t "), /first/);
  assert.equal(outbox.refusal("é".repeat(4096)), null);
  assert.match(outbox.refusal("é".repeat(4096) + "x"), /1 bytes too long/);
});
