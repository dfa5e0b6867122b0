// People who use the API beside the browser under test: the demo's seed users.
// Owns their sessions; knows nothing of pages.

/** What `--seed-data` makes. The first may see the second's posts. */
export const SEEDS = [0, 1, 2].map((number) => ({
  email: `test0${number}@example.com`,
  name: `tester0${number}`,
  password: "1234",
}));

/** Logs one of them in. */
export async function person(origin, { email, password }) {
  const call = caller(origin);
  const { apiToken, user } = await call("POST", "/api/auth", { principal: email, credentials: password });
  const as = caller(origin, { authorization: `Bearer ${apiToken}` });
  return {
    ...user,
    call: as,
    /** A new post. */
    post: (contents) => as("POST", "/api/post", { contents }),
    /** A comment on `owner`'s post. */
    comment: (owner, post, contents) => as("POST", `/api/user/${owner}/post/${post}/comment`, { contents }),
  };
}

/** Calls of the API: method, path, body; resolves to what is in the envelope. */
export function caller(origin, headers = {}) {
  return async (method, path, body) => {
    const answer = await fetch(origin + path, {
      method,
      headers: { ...headers, ...(body ? { "content-type": "application/json" } : {}) },
      body: body && JSON.stringify(body),
    });
    const { success, response, error } = await answer.json();
    if (!success) throw new Error(`${method} ${path}: ${answer.status} ${error?.message}`);
    return response;
  };
}

/** Gives `page` the session of one of them, and opens `path`. */
export async function logInto(page, origin, { email, password }, path = "/") {
  await page.goto(origin);
  await page.evaluate(
    (principal, credentials) =>
      fetch("/api/auth", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ principal, credentials }),
      }),
    email,
    password,
  );
  await page.goto(origin + path);
}
