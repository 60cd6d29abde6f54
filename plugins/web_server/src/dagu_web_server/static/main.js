// What every page has. What only some pages have, they load beside this.

import { base, call, calm, path, read, say, trouble } from "./api.js";
import { keepFresh } from "./fresh.js";
import { reveal } from "./graph.js";
import { parse, parts } from "./parts.js";
import { localise } from "./times.js";

parts(document);
localise();
document.querySelectorAll(".scroll:has(> .graph)").forEach(reveal);

const actions = {
  async start(button) {
    const answer = await call("POST", "runs", { workflow: button.dataset.start });
    if (answer.ok) location.assign(`${base}/runs/${answer.value.run_id}`);
    return answer;
  },
  async suspend(button) {
    const suspended = button.dataset.suspended !== "true";
    const answer = await call("PATCH", `workflows/${path(button.dataset.suspend)}`, { suspended });
    if (answer.ok) location.reload();
    return answer;
  },
  async delete(button) {
    const answer = await call("DELETE", `workflows/${path(button.dataset.delete)}`);
    if (answer.ok) location.assign(`${base}/`);
    else button.closest("dialog").close();
    return answer;
  },
  async post(button) {
    const answer = await call("POST", button.dataset.post);
    if (answer.ok && button.dataset.said) say(button.dataset.said);
    return answer;
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { opens, closes, tag } = button.dataset;
  if (opens) document.querySelector(opens).showModal();
  if (closes !== undefined) button.closest("dialog").close();
  if (tag !== undefined) filter(tag);
  const name = Object.keys(actions).find((each) => each in button.dataset);
  if (!name) return;
  calm();
  button.disabled = true;
  const answer = await actions[name](button);
  button.disabled = false;
  if (!answer.ok) trouble(null, answer);
});

// The filter of a list

const search = document.querySelector("[data-filter]");

function filter(text) {
  if (text !== undefined) search.value = text;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.querySelectorAll(`${search.dataset.filter} > li`)) {
    const known = row.dataset.words.toLowerCase();
    row.hidden = !words.every((word) => known.includes(word));
    shown += !row.hidden;
  }
  document.getElementById("filter-none").hidden = shown > 0 || words.length === 0;
}

search?.addEventListener("input", () => filter());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const field = search ?? document.querySelector("#log-search input, .filters input");
  if (!field) return;
  event.preventDefault();
  field.focus();
});
for (const form of document.querySelectorAll("[data-submits]")) {
  for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
}

// Lists that change

if (document.querySelector("[data-refresh]")) keepFresh(() => search && filter());

// Parts that are fetched after the page

for (const place of document.querySelectorAll("[data-load]")) {
  const answer = await read(place.dataset.load);
  const found = parse(answer.text);
  place.replaceChildren(...(answer.ok ? found.body.childNodes : [found.querySelector("main")]));
  place.removeAttribute("aria-busy");
}
