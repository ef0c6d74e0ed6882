/**
 * The service as the page speaks to it. Every call is patient: while the service is gone, or wants a key, it waits and
 * then asks again. That is harmless, as nothing but jobs is made here and those carry an Idempotency-Key.
 *
 * @typedef {{method?: string, path: string, query?: Record<string, unknown>, headers?: Record<string, string>,
 *   body?: unknown}} Call
 */

const KEY = "patchclamp-key";
const LOOK_AGAIN_MS = [500, 1000, 1000, 2000, 4000];
const EVENTS = "text/event-stream";
const SILENT_MS = 1500; // an answer that takes longer may never come: is anybody there?

/** What the service refused, with its own words: `detail`, `errors` (pointer and detail), `status`. */
export class Problem extends Error {
  constructor(response, document) {
    super(document.detail);
    this.status = response.status;
    this.errors = document.errors ?? [];
    this.retryAfterSeconds = Number(response.headers.get("Retry-After")) || 1;
  }
}

/** Tells `gone` and `back` of the service, and `locked` when it wants a key. */
export const connection = new EventTarget();

/** The JSON that answers a call. @param {Call} call */
export async function answer(call, signal) {
  const response = await send(call, "application/json", signal);
  return response.status === 204 ? null : response.json();
}

/** The picture that answers a call. @param {Call} call */
export async function picture(call, signal) {
  return (await send(call, "image/png", signal)).blob();
}

/** Waits as long as the service says, where it was asked too often, and asks again. @param {Call} call */
export async function patientAnswer(call, told) {
  for (;;) {
    try {
      return await answer(call);
    } catch (problem) {
      if (problem.status !== 429) throw problem;
      told(problem);
      await pause(1000 * problem.retryAfterSeconds);
    }
  }
}

/** The call of an analysis or a job, without its pictures. @returns {Call} */
export function post(path, body) {
  return { method: "POST", path, query: { renderings: "none" }, body };
}

/** The bytes that answer a call. @param {Call} call */
export async function file(call) {
  return (await send(call, "application/octet-stream")).blob();
}

/** Submits a job; sent twice it is still one. @param {Call} call */
export function submit(call, signal) {
  return answer({ ...call, headers: { ...call.headers, "Idempotency-Key": freshKey() } }, signal);
}

/**
 * What a job tells of itself, to its end: `{name, data}` with the names progress, preview and how it ended. Goes on
 * after the last event where the stream breaks off.
 */
export async function* events(jobId, signal) {
  let last = null;
  for (;;) {
    const headers = last === null ? {} : { "Last-Event-ID": last };
    const response = await send({ path: `/jobs/${jobId}/events`, headers }, EVENTS, signal);
    try {
      for await (const event of parsed(response.body)) {
        last = event.id;
        yield event;
        if (!["progress", "preview"].includes(event.name)) return;
      }
    } catch (error) {
      if (signal?.aborted || !(error instanceof TypeError)) throw error;
    }
    await returned();
  }
}

/** The address of a call, with its query. @param {Call} call */
export function address({ path, query = {} }) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value != null)).toString();
  return new URL(text ? `${path}?${text}` : path, location.origin).href;
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/** Keeps a key for this tab, or forgets it where it is empty. */
export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
  connection.dispatchEvent(new Event("key"));
}

async function send(call, accept, signal) {
  for (let tries = 0; ; tries += 1) {
    if (tries > 1) await pause(waitMs(tries)); // alive, and yet this call fails: a proxy that is out of patience
    const key = sessionStorage.getItem(KEY);
    const response = await tried(call, accept, key, signal);
    if (response === null) await returned(signal);
    else if (response.ok) return response;
    else if (response.status === 401) await unlocked(key, signal);
    else throw new Problem(response, await problemOf(response));
  }
}

async function tried(call, accept, key, signal) {
  const headers = { Accept: accept, ...call.headers };
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const doubt = setTimeout(returned, SILENT_MS);
  try {
    const response = await fetch(address(call), { method: call.method ?? "GET", headers, body, signal });
    if ([502, 504].includes(response.status)) return null; // a proxy, before a service that is gone
    if (accept !== EVENTS) await response.clone().arrayBuffer(); // to its end: a service may be gone in mid-answer
    return response;
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  } finally {
    clearTimeout(doubt);
  }
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { detail: `The service answered with status ${response.status} and no words; try again later.` };
  }
}

let returning = null;

/** Resolves when the service answers again; everybody waits on the same look-out. */
export function returned(signal) {
  returning ??= lookOut().finally(() => (returning = null));
  return until(returning, signal);
}

async function lookOut() {
  for (let tries = 0; ; tries += 1) {
    try {
      if ((await fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(SILENT_MS) })).ok) break;
    } catch {
      // still gone
    }
    connection.dispatchEvent(new Event("gone"));
    await pause(waitMs(tries));
  }
  connection.dispatchEvent(new Event("back"));
}

function waitMs(tries) {
  return LOOK_AGAIN_MS[Math.min(tries, LOOK_AGAIN_MS.length - 1)];
}

/** Resolves when there is another key than the one that was refused. */
async function unlocked(refused, signal) {
  if (sessionStorage.getItem(KEY) !== refused) return; // it was given while the refusal was on its way
  const given = new Promise((resolve) => connection.addEventListener("key", resolve, { once: true }));
  connection.dispatchEvent(new Event("locked"));
  await until(given, signal);
}

function until(promise, signal) {
  if (!signal) return promise;
  const ended = new Promise((_, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
  return Promise.race([promise, ended]);
}

/** Waits; ends early when the browser says that the network is back. */
export function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
  });
}

async function* parsed(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r", "");
      const blocks = text.split("\n\n");
      text = blocks.pop();
      yield* blocks.map(eventOf).filter(Boolean);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function eventOf(block) {
  const fields = { data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
    if (name === "data") fields.data += value;
    else if (name) fields[name] = value;
  }
  return fields.event ? { id: fields.id, name: fields.event, data: JSON.parse(fields.data) } : null;
}

/** crypto.randomUUID wants HTTPS, which a lab's machine does not have. */
function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}
