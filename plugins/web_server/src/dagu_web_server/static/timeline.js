// What an agent did, as it does it.

import { read } from "./api.js";
import { parse } from "./parts.js";
import { listen } from "./stream.js";
import { localise } from "./times.js";

export class Timeline {
  constructor(list, { live }) {
    this.list = list;
    this.last = 0;
    this.begin(live);
  }

  async begin(live) {
    await this.read();
    this.list.removeAttribute("aria-busy");
    if (live) this.list.scrollTop = this.list.scrollHeight;
    if (live) this.listen();
  }

  async read() {
    const answer = await read(`${this.list.dataset.url}&after=${this.last}`);
    if (answer.ok) this.add(answer.text);
  }

  // The run ended: what came last, and no more.
  async finish() {
    this.close();
    await this.read();
  }

  listen() {
    const [address, query] = this.list.dataset.url.split("?");
    this.events = listen(() => `${address}/live?${query}&after=${this.last}`, { html: (html) => this.add(html) });
  }

  close() {
    this.events?.close();
  }

  add(html) {
    const { list } = this;
    const atEnd = this.last > 0 && list.scrollTop + list.clientHeight >= list.scrollHeight - 30;
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
