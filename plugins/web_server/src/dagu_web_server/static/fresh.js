// Lists that are read again while somebody looks at them.

import { base } from "./api.js";
import { parse, replace } from "./parts.js";

export function keepFresh(lists, afterwards) {
  let events = null;

  async function read() {
    const response = await fetch(location.href);
    if (!response.ok) return;
    const found = parse(await response.text());
    for (const list of document.querySelectorAll("[data-refresh]")) {
      const part = found.getElementById(list.id);
      if (part) replace(list, part);
    }
    afterwards();
  }

  function watch() {
    events?.close();
    events = null;
    if (document.hidden) return;
    events = new EventSource(`${base}/changes`);
    events.addEventListener("changed", read);
    events.addEventListener("end", () => events.close());
  }

  document.addEventListener("visibilitychange", watch);
  watch();
}
