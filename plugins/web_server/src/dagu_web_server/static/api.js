// Calls of the REST API, and what they answer for people.

export const base = document.documentElement.dataset.base;

const PAUSE = 1000;

/**
 * Read something. What the network loses on the way is asked for again.
 * @returns Whether the server gave it, and its text. Null: the signal said that nobody waits any more.
 */
export async function read(address, signal) {
  for (;;) {
    try {
      const response = await fetch(address, { signal });
      return { ok: response.ok, text: await response.text() };
    } catch {
      await new Promise((done) => setTimeout(done, PAUSE));
      if (signal?.aborted) return null;
    }
  }
}

/** Names of workflows keep their slashes. */
export const path = (name) => name.split("/").map(encodeURIComponent).join("/");

export async function call(method, where, body, headers = {}) {
  const request = { method, headers: { ...headers } };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`${base}/api/v1/${where}`, request);
  } catch {
    return { ok: false, status: 0, problem: "The server does not answer.", mistakes: [] };
  }
  if (response.status === 401) location.reload();
  const text = await response.text();
  const value = text && response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : null;
  const problem = response.ok ? "" : [value?.detail ?? response.statusText, value?.hint].filter(Boolean).join("\n");
  return { ok: response.ok, status: response.status, value, problem, mistakes: value?.mistakes ?? [] };
}

/** Tell what happened to those who can't see it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Show what went wrong beside what was tried. */
export function trouble(place, answer) {
  const box = place?.querySelector(".trouble") ?? floating();
  const mistakes = answer.mistakes.map((each) => `${each.line}:${each.column} ${each.message}`);
  box.textContent = [answer.problem, ...mistakes].join("\n");
  box.hidden = false;
}

export function calm(place) {
  for (const box of (place ?? document).querySelectorAll(".trouble")) box.hidden = true;
}

function floating() {
  const found = document.querySelector("main > .trouble");
  if (found) return found;
  const box = document.createElement("div");
  box.className = "trouble";
  box.setAttribute("role", "alert");
  document.querySelector("main .heading").after(box);
  return box;
}
