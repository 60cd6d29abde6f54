// What an agent did, as it does it.

import { parse } from "./parts.js";
import { localise } from "./times.js";

export class Timeline {
  constructor(list, { live }) {
    this.list = list;
    this.last = 0;
    this.begin(live);
  }

  async begin(live) {
    const response = await fetch(this.list.dataset.url);
    if (response.ok) this.add(await response.text());
    this.list.removeAttribute("aria-busy");
    if (live) this.listen();
  }

  listen() {
    this.events?.close();
    if (document.hidden) return;
    const [address, query] = this.list.dataset.url.split("?");
    this.events = new EventSource(`${address}/live?${query}&after=${this.last}`);
    this.events.addEventListener("html", (event) => this.add(JSON.parse(event.data)));
    this.events.addEventListener("end", () => this.events.close());
  }

  close() {
    this.events?.close();
  }

  add(html) {
    const { list } = this;
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 30;
    for (const item of parse(html).querySelectorAll("li")) {
      const id = Number(item.dataset.id);
      if (id <= this.last) continue; // after a new connection, what is there already may come again
      this.last = id;
      const before = list.lastElementChild;
      if ("partial" in item.dataset && before?.classList.contains("text")) {
        before.querySelector(".saying").append(item.querySelector(".saying").textContent);
      } else list.append(item);
    }
    localise(list);
    if (atEnd) list.scrollTop = list.scrollHeight;
  }
}
