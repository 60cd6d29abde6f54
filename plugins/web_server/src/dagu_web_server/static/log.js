// A window onto an output of any length: only the lines in sight, and some around them, are fetched and drawn.

import { render } from "./ansi.js";
import { read } from "./api.js";
import { listen } from "./stream.js";

const ROW = 18; // pixels, as in the style sheet
const BLOCK = 200; // lines fetched at once
const KEPT = 60; // blocks
const SPARE = 15; // lines drawn beyond the edges
const TALLEST = 8_000_000; // pixels; browsers cap the height of elements

export class LogView {
  constructor(element, { live, follow }) {
    this.element = element;
    this.space = element.querySelector(".log-space");
    this.rows = element.querySelector(".log-lines");
    this.nothing = element.querySelector(".empty");
    this.address = element.dataset.log;
    this.output = element.dataset.output;
    this.count = document.getElementById("log-count");
    this.box = document.getElementById("log-follow");
    this.blocks = new Map();
    this.pending = new Map();
    this.total = 0;
    this.size = 0;
    this.needle = "";
    this.here = -1;
    this.frame = 0;
    this.closing = new AbortController();
    this.box.checked = follow;
    const { signal } = this.closing;
    element.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    this.box.addEventListener("change", () => this.box.checked && this.toEnd(), { signal });
    new ResizeObserver(() => this.schedule()).observe(element);
    this.search();
    this.begin(live);
  }

  async begin(live) {
    await this.fetchBlock(0);
    if (this.closing.signal.aborted) return;
    this.nothing.hidden = live || this.total > 0;
    if (live) this.listen();
  }

  close() {
    this.closing.abort();
    this.events?.close();
  }

  listen() {
    this.events = listen(() => `${this.address}/events?${this.output}&content=false`, {
      size: (now) => this.grown(now),
      end: async () => {
        await this.load(Math.floor(Math.max(0, this.total - 1) / BLOCK));
        this.nothing.hidden = this.total > 0;
      },
    });
  }

  grown({ total, size }) {
    if (size < this.size) return; // an answer that was overtaken
    this.total = total;
    this.size = size;
    this.count.textContent = total === 1 ? "1 line" : `${total.toLocaleString()} lines`;
    this.space.style.height = `${this.height}px`;
    if (this.box.checked) this.toEnd();
    this.schedule();
  }

  get height() {
    return Math.min(TALLEST, this.total * ROW);
  }

  // Beyond the tallest element, a pixel of scrolling is more than a pixel of text.
  get stretch() {
    const seen = this.element.clientHeight;
    return this.total * ROW <= TALLEST ? 1 : (this.total * ROW - seen) / (TALLEST - seen);
  }

  get top() {
    return Math.round(this.element.scrollTop * this.stretch);
  }

  toEnd() {
    this.element.scrollTop = this.height;
  }

  toLine(line) {
    this.here = line;
    this.box.checked = false;
    this.element.scrollTop = Math.max(0, (line * ROW - this.element.clientHeight / 2) / this.stretch);
    this.schedule();
  }

  scrolled() {
    const { scrollTop, clientHeight } = this.element;
    const atEnd = scrollTop + clientHeight >= this.height - ROW;
    if (this.last !== undefined && scrollTop < this.last && !atEnd) this.box.checked = false;
    else if (atEnd && this.total > 0 && this.here < 0) this.box.checked = true;
    this.last = scrollTop;
    this.schedule();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const top = this.top;
    const first = Math.max(0, Math.floor(top / ROW) - SPARE);
    const end = Math.min(this.total, Math.ceil((top + this.element.clientHeight) / ROW) + SPARE);
    const drawn = [];
    for (let line = first; line < end; line++) drawn.push(this.row(line));
    this.rows.replaceChildren(...drawn);
    this.rows.style.transform = `translateY(${this.element.scrollTop - (top - first * ROW)}px)`;
    for (let number = Math.floor(first / BLOCK); number * BLOCK < end; number++) {
      if (this.wanting(number)) this.fetchBlock(number);
    }
  }

  // A block whose end was the end of the output is not whole any more when the output grew.
  wanting(number) {
    const block = this.blocks.get(number);
    return !block || (block.total <= (number + 1) * BLOCK && block.size < this.size);
  }

  row(line) {
    const row = document.createElement("div");
    row.className = line === this.here ? "log-line here" : "log-line";
    const number = document.createElement("span");
    number.className = "no";
    number.textContent = line + 1;
    const text = document.createElement("span");
    const block = this.blocks.get(Math.floor(line / BLOCK));
    const content = block?.lines[line % BLOCK];
    if (content !== undefined) text.append(...render(content, this.needle));
    row.append(number, text);
    if (block?.cut.includes(line)) {
      const more = document.createElement("span");
      more.className = "more";
      more.textContent = " … the line goes on, see Raw";
      row.append(more);
    }
    return row;
  }

  fetchBlock(number) {
    if (!this.pending.has(number)) this.pending.set(number, this.load(number).finally(() => this.pending.delete(number)));
    return this.pending.get(number);
  }

  async load(number) {
    const where = `${this.address}/lines?${this.output}&start=${number * BLOCK}&count=${BLOCK}`;
    const answer = await read(where, this.closing.signal);
    if (!answer?.ok) {
      setTimeout(() => this.schedule(), 2000); // what is still in sight then is asked for again
      return;
    }
    const found = JSON.parse(answer.text);
    this.blocks.delete(number); // so that it counts as the newest
    this.blocks.set(number, found);
    while (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
    this.grown(found);
    this.schedule();
  }

  search() {
    const form = document.getElementById("log-search");
    const told = document.getElementById("log-found");
    let found = [];
    let at = 0;
    let asked = "";
    const tell = (more) => (told.textContent = found.length ? `${at + 1} of ${found.length}${more ? "+" : ""}` : "none");
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        const text = form.elements.text.value;
        this.needle = text.toLowerCase();
        if (!text) {
          told.textContent = "";
          this.here = -1;
          this.schedule();
          return;
        }
        if (text === asked && found.length) at = (at + 1) % found.length;
        else {
          const where = `${this.address}/search?${this.output}&text=${encodeURIComponent(text)}`;
          const answer = await read(where, this.closing.signal);
          if (!answer || form.elements.text.value !== text) return; // another search began meanwhile
          const { lines = [], more } = JSON.parse(answer.text);
          [found, at, asked, this.more] = [lines, 0, text, more];
        }
        tell(this.more);
        if (found.length) this.toLine(found[at]);
        else this.schedule();
      },
      { signal: this.closing.signal },
    );
  }
}
