// The only fetch of the page. Answers are plain objects; what the server refuses is a Problem.

/** A refusal (RFC 9457), or no answer at all: status 0. `transient` says that trying again can help. */
export class Problem extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
  get transient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const after = Number(response.headers.get("retry-after")) || 0;
  return new Problem(response.status, body.code ?? "unknown", body.detail ?? body.title ?? `the server answered ${response.status}`, after);
}

/** The calls of one room, for one member. `send` is fetch, injected by tests. */
export function createApi(token, member, send = fetch.bind(globalThis)) {
  const seen = new Map();

  async function call(method, path, { body, headers = {} } = {}) {
    const request = {
      method,
      headers: { authorization: `Bearer ${token}`, "chat-member": member, ...headers },
      cache: "no-store",
      signal: AbortSignal.timeout(15000),
    };
    if (body !== undefined) {
      request.headers["content-type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    let response;
    try {
      response = await send(path, request);
    } catch {
      throw new Problem(0, "offline", "the chat can't be reached");
    }
    if (response.status === 304) return { response, value: null };
    if (!response.ok) throw await problemOf(response);
    return { response, value: response.status === 204 ? null : await response.json() };
  }

  return {
    config: async () => (await call("GET", "/api/config")).value,

    /** A page of the history; null when nothing changed since the same question was last asked. */
    async page({ after, before, limit = 50 } = {}) {
      const query = new URLSearchParams({ limit });
      if (after) query.set("after", after);
      if (before) query.set("before", before);
      const path = `/api/messages?${query}`;
      const tag = after && seen.get(path);
      const { response, value } = await call("GET", path, { headers: tag ? { "if-none-match": tag } : {} });
      if (after && value) {
        seen.clear();
        seen.set(path, response.headers.get("etag"));
      }
      return value;
    },

    post: async (key, draft) => (await call("POST", "/api/messages", { body: draft, headers: { "idempotency-key": key } })).value,
    register: async (subscription, install) => (await call("POST", "/api/clients", { body: { ...subscription, install } })).value,
    unregister: (endpoint) => call("DELETE", "/api/clients", { body: { endpoint } }),
  };
}
