// The editor: checks as one writes, and shows where mistakes are.

import { base, call, calm, path, say, trouble } from "./api.js";

const PAUSE = 350;
const form = document.querySelector("form.edit");
const area = document.getElementById("text");
const gutter = form.querySelector(".gutter");
const list = document.getElementById("mistakes");
const head = document.getElementById("mistakes-head");
const state = document.getElementById("edit-state");
let saved = area.value;
let timer = 0;
let asked = 0;
let mistakes = [];

const name = () => form.dataset.name || form.elements.name.value.trim();

function drawGutter() {
  const wrong = new Set(mistakes.map((each) => each.line));
  const count = area.value.split("\n").length;
  const rows = [];
  for (let line = 1; line <= count; line++) {
    if (wrong.has(line)) {
      const mark = document.createElement("span");
      mark.className = "wrong";
      mark.textContent = line;
      rows.push(mark, "\n");
    } else rows.push(`${line}\n`);
  }
  gutter.replaceChildren(...rows);
  gutter.scrollTop = area.scrollTop;
}

function go(line, column) {
  const lines = area.value.split("\n");
  const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  const at = before + Math.max(0, Math.min(column - 1, (lines[line - 1] ?? "").length));
  area.focus();
  area.setSelectionRange(at, before + (lines[line - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 4) * height);
}

function show(found) {
  mistakes = found;
  head.textContent = found.length === 0 ? "✓ No mistakes" : found.length === 1 ? "1 mistake" : `${found.length} mistakes`;
  list.replaceChildren(
    ...found.map((each) => {
      const item = document.createElement("li");
      const where = document.createElement("button");
      where.type = "button";
      where.className = "where";
      where.textContent = `${each.line}:${each.column}`;
      where.setAttribute("aria-label", `Go to line ${each.line}, column ${each.column}`);
      where.addEventListener("click", () => go(each.line, each.column));
      item.append(where, ` ${each.message}`);
      return item;
    }),
  );
  drawGutter();
}

async function check() {
  const number = ++asked;
  const answer = await call("POST", "validate", { text: area.value, name: name() });
  if (number !== asked) return; // a later one is on its way
  if (answer.ok) show(answer.value.mistakes);
  else head.textContent = answer.problem;
}

function changed() {
  state.textContent = area.value === saved ? "" : "not saved";
  drawGutter();
  clearTimeout(timer);
  timer = setTimeout(check, PAUSE);
}

async function save() {
  calm(form);
  const headers = form.dataset.etag ? { "If-Match": form.dataset.etag } : { "If-None-Match": "*" };
  const text = area.value;
  const answer = await call("PUT", `workflows/${path(name())}`, { text }, headers);
  if (!answer.ok) {
    if (answer.mistakes.length) show(answer.mistakes);
    trouble(form, { ...answer, mistakes: [] });
    return;
  }
  saved = text;
  form.dataset.etag = answer.value.etag;
  if (!form.dataset.name) {
    location.assign(`${base}/workflows/${path(name())}`);
    return;
  }
  changed();
  state.textContent = area.value === saved ? "saved" : "not saved";
  say("Saved.");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
form.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    form.requestSubmit();
  }
  if (event.key === "Enter" && event.target === area && !event.shiftKey && !event.isComposing) {
    const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
    const indent = area.value.slice(start, area.selectionStart).match(/^ *(- )?/)[0].replace("- ", "  ");
    if (!indent) return;
    event.preventDefault();
    document.execCommand("insertText", false, `\n${indent}`); // keeps the browser's own undo
  }
});
area.addEventListener("input", changed);
area.addEventListener("scroll", () => (gutter.scrollTop = area.scrollTop));
addEventListener("beforeunload", (event) => area.value === saved || event.preventDefault());

drawGutter();
await check();
const place = location.hash.match(/^#(\d+):(\d+)$/);
if (place) go(Number(place[1]), Number(place[2]));
