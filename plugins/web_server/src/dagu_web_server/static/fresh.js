// Lists that are read again while somebody looks at them.

import { base } from "./api.js";
import { parse, replace } from "./parts.js";
import { listen } from "./stream.js";

export function keepFresh(afterwards) {
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

  listen(() => `${base}/changes`, { changed: read });
}
