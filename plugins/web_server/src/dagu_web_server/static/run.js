// A run: its parts as they change, and the step that the reader looks at.

import { base, call, calm, read, say, trouble } from "./api.js";
import { reveal } from "./graph.js";
import { LogView } from "./log.js";
import { parse, parts, replaceParts } from "./parts.js";
import { listen } from "./stream.js";
import { localise } from "./times.js";
import { Timeline } from "./timeline.js";

const root = document.getElementById("run");
let events = null;
let log = null;
let timeline = null;
let asked = 0;

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
  const mine = ++asked;
  const answer = await read(address);
  if (mine !== asked) return; // something else was asked for meanwhile
  if (!answer.ok) {
    location.assign(address);
    return;
  }
  const found = parse(answer.text);
  const next = found.getElementById("step-panel");
  next.remove(); // it takes its own parts along
  replaceParts(found);
  parts(next);
  panel().replaceWith(next);
  localise(next);
  openPanel();
  reveal(document.getElementById("run-graph"));
  watch();
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

function watch() {
  events?.close();
  events = null;
  if (!live()) return;
  events = listen(() => `${base}/runs/${root.dataset.run}/live?${query()}`, {
    html: changed,
    end: () => timeline?.finish(),
  });
}

// A run that is taken up again begins in a process of its own, a moment later.
async function again(button) {
  calm();
  const before = document.getElementById("run-head").dataset.attempt;
  button.disabled = true;
  const answer = await call("POST", `runs/${root.dataset.run}/${button.dataset.again}`);
  button.disabled = false;
  if (!answer.ok) {
    trouble(null, answer);
    return;
  }
  say("It will go on.");
  const changes = listen(() => `${base}/changes`, {
    changed: async () => {
      await load(location.href);
      if (live() || document.getElementById("run-head").dataset.attempt !== before) changes.close();
    },
  });
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-again]");
  if (button) again(button);
});

openPanel();
watch();
