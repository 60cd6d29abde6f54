// Lists that are read again while somebody looks at them.

import { base, read } from "./api.js";
import { parse, replace } from "./parts.js";
import { listen } from "./stream.js";

export function keepFresh(afterwards) {
  async function refresh() {
    const answer = await read(location.href);
    if (!answer.ok) return;
    const found = parse(answer.text);
    for (const list of document.querySelectorAll("[data-refresh]")) {
      const part = found.getElementById(list.id);
      if (part) replace(list, part);
    }
    afterwards();
  }

  listen(() => `${base}/changes`, { changed: refresh });
}
