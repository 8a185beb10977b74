import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi, Problem } from "../../api.js";
import { currentToken, tokenOf } from "../../room.js";
import { nameRefusal } from "../../naming.js";

const answer = (status, body, headers = {}) => new Response(body === null ? null : JSON.stringify(body), { status, headers });

function scripted(...answers) {
  const asked = [];
  const api = createApi("T", "M", async (path, request) => {
    asked.push({ path, ...request });
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  });
  return { api, asked };
}

test("the room token and the member go in headers, never in an address", async () => {
  const { api, asked } = scripted(answer(201, { id: "1" }));
  await api.post("key", { name: "Ann", text: "hi" });
  assert.equal(asked[0].path, "/api/messages");
  assert.deepEqual(
    [asked[0].headers.authorization, asked[0].headers["chat-member"], asked[0].headers["idempotency-key"], asked[0].body],
    ["Bearer T", "M", "key", '{"name":"Ann","text":"hi"}'],
  );
});

test("the same question again carries the tag of its last answer, and 304 is no page", async () => {
  const { api, asked } = scripted(answer(200, { items: [] }, { etag: '"1"' }), answer(304, null));
  await api.page({ after: "c" });
  assert.equal(await api.page({ after: "c" }), null);
  assert.equal(asked[1].headers["if-none-match"], '"1"');
});

test("a problem has the server's code and words, and says whether trying again can help", async () => {
  const cases = [
    [answer(410, { code: "room_gone", detail: "replaced" }), 410, "room_gone", false],
    [answer(429, { code: "too_many", detail: "slow" }, { "retry-after": "7" }), 429, "too_many", true],
    [new Response("<html>", { status: 502 }), 502, "unknown", true],
    [new TypeError("network"), 0, "offline", true],
  ];
  for (const [reply, status, code, transient] of cases) {
    const { api } = scripted(reply);
    await assert.rejects(api.page(), (problem) => {
      assert.ok(problem instanceof Problem);
      assert.deepEqual([problem.status, problem.code, problem.transient], [status, code, transient]);
      return true;
    });
  }
});

test("only a whole token in the fragment is a room, and an installed app opens its last one", () => {
  const token = "A".repeat(111);
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  assert.equal(tokenOf(`#${token}`), token);
  for (const wrong of ["", "#", `#${token}A`, `#${token.slice(1)}`, `#${"é".repeat(111)}`, "#<script>"]) assert.equal(tokenOf(wrong), null);
  assert.equal(currentToken({ hash: "" }, storage), null);
  assert.equal(currentToken({ hash: `#${token}` }, storage), token);
  assert.equal(currentToken({ hash: "" }, storage), token);
  assert.equal(currentToken({ hash: "#half" }, storage), null);
});

test("names that could deceive are refused", () => {
  for (const wrong of ["", "a\nb", "a\u202Eb", "a\u2066b", "x".repeat(65)]) assert.notEqual(nameRefusal(wrong), null);
  for (const right of ["Ann", "Ann-Marie O’Neil", "Łukasz", "李", "🙂".repeat(64)]) assert.equal(nameRefusal(right), null);
});
