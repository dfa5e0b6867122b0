// Calling the API: the envelope comes off, a refusal becomes an error with a status.

/** How long an answer may take, in milliseconds; the server gives up after 30 seconds itself. */
const PATIENCE = 35_000;

/** Why the API did not do it. Status 0: it was not reached. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Calls, and gives the response out of the envelope. A body is sent as JSON, or as the form it is. */
export async function call(method, path, body) {
  return (await exchange(method, path, body)).response;
}

/** As `call`, with the answer's headers. */
export async function exchange(method, path, body) {
  const answer = await reach(path, { method, ...payload(body), signal: AbortSignal.timeout(PATIENCE) });
  const envelope = await answer.json().catch(() => ({}));
  if (!answer.ok || !envelope.success) {
    throw new ApiError(answer.status, envelope.error?.message ?? answer.statusText);
  }
  return { response: envelope.response, headers: answer.headers };
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    throw new ApiError(0, error.message);
  }
}

function payload(body) {
  if (body === undefined) return {};
  if (body instanceof FormData) return { body };
  return { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}
