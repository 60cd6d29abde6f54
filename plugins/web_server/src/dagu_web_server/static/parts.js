// Parts of a page that are replaced when they change. What the reader has there (focus, scroll, open details) stays.

import { localise } from "./times.js";

const known = new WeakMap();

/** Remember parts as the server sent them, before times are turned into the reader's own. */
export function parts(root) {
  for (const part of root.querySelectorAll("[data-part]")) known.set(part, part.outerHTML);
}

export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

export function replaceParts(found) {
  for (const part of found.querySelectorAll("[data-part]")) {
    const now = document.getElementById(part.id);
    const html = part.outerHTML;
    if (now && known.get(now) !== html) replace(now, part, html);
  }
}

export function replace(now, part, html = part.outerHTML) {
  const focus = now.contains(document.activeElement) ? handle(document.activeElement) : null;
  const open = [...now.querySelectorAll("details")].map((each) => each.open);
  const { scrollLeft, scrollTop } = now;
  now.replaceWith(part);
  known.set(part, html);
  parts(part);
  localise(part);
  part.querySelectorAll("details").forEach((each, index) => (each.open = open[index] ?? each.open));
  part.scrollTo(scrollLeft, scrollTop);
  if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
}

function handle(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const marks = ["data-step", "data-attempt", "data-stream", "data-post", "data-again", "data-start", "href"].filter((name) => element.hasAttribute(name));
  return element.localName + marks.map((name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`).join("");
}
