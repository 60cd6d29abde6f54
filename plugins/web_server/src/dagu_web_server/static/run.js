// A run: its parts as they change, and the step that the reader looks at.

import { base, say } from "./api.js";
import { LogView } from "./log.js";
import { parse, parts, replaceParts } from "./parts.js";
import { localise } from "./times.js";
import { Timeline } from "./timeline.js";

const root = document.getElementById("run");
let events = null;
let log = null;
let timeline = null;

const panel = () => document.getElementById("step-panel");
const live = () => "running" in document.getElementById("run-head").dataset;
const status = () => document.getElementById("run-head").dataset.status;
const query = () => new URLSearchParams(location.search);

function openPanel() {
  log?.close();
  timeline?.close();
  log = timeline = null;
  const output = document.getElementById("log");
  const list = document.getElementById("timeline");
  if (output) log = new LogView(output, { live: live(), follow: live() });
  if (list) timeline = new Timeline(list, { live: live() });
}

async function load(address, { focus = false } = {}) {
  const response = await fetch(address);
  if (!response.ok) {
    location.assign(address);
    return;
  }
  const found = parse(await response.text());
  replaceParts(found);
  const next = found.getElementById("step-panel");
  parts(next);
  panel().replaceWith(next);
  localise(next);
  openPanel();
  listen();
  if (focus) next.querySelector(focus)?.focus();
}

// Steps, attempts and tabs are links: without a script they work as such.
root.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-step]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const address = link.getAttribute("href");
  history.pushState(null, "", address);
  const { step, attempt, stream } = link.dataset;
  const same = stream ? `.tabs a[data-stream="${stream}"]` : attempt ? `#attempts a[data-attempt="${attempt}"]` : null;
  load(address, { focus: panel().contains(link) ? same : null });
  if (!panel().contains(link)) say(`Step ${step}`);
});
addEventListener("popstate", () => load(location.href));

function changed(html) {
  const before = status();
  replaceParts(parse(html));
  if (status() !== before) say(`The run is ${status().replaceAll("_", " ")}.`);
  const shown = panel().dataset;
  const now = document.getElementById("attempts").dataset;
  const chosen = query();
  const other = !chosen.has("step") && now.step !== undefined && now.step !== shown.step;
  const newer = !chosen.has("attempt") && now.newest !== undefined && now.newest !== shown.attempt;
  if (other || newer) load(location.href);
}

function listen() {
  events?.close();
  events = null;
  if (document.hidden || !live()) return;
  events = new EventSource(`${base}/runs/${root.dataset.run}/live?${query()}`);
  events.addEventListener("html", (event) => changed(JSON.parse(event.data)));
  events.addEventListener("end", () => {
    events.close();
    timeline?.finish();
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

document.addEventListener("visibilitychange", () => {
  listen();
  if (live()) log?.listen();
  if (live()) timeline?.listen();
});
openPanel();
listen();
