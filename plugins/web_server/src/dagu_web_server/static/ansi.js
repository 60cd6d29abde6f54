// A line of output as elements: colours of terminals (ECMA-48, SGR), and what a search found.

const sequence = /\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;

function apply(classes, codes) {
  for (const code of codes.split(";").map(Number)) {
    if (code === 0) classes.clear();
    else if (code <= 4) classes.add(`a${code}`);
    else if (code === 22) classes.delete("a1"), classes.delete("a2");
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97) || code === 39) {
      for (const each of [...classes]) if (each.length === 3) classes.delete(each);
      if (code !== 39) classes.add(`a${code >= 90 ? code - 60 : code}`);
    } else if (code === 38 || code === 48) return; // 256 colours: the rest are its arguments
  }
}

function marked(text, needle) {
  if (!needle) return [text];
  const found = [];
  const lower = text.toLowerCase();
  let at = 0;
  for (let next = lower.indexOf(needle); next >= 0; next = lower.indexOf(needle, at)) {
    const mark = document.createElement("mark");
    mark.textContent = text.slice(next, next + needle.length);
    found.push(text.slice(at, next), mark);
    at = next + needle.length;
  }
  found.push(text.slice(at));
  return found;
}

export function render(line, needle) {
  // What a carriage return overwrote is not seen on a terminal either.
  const text = line.slice(line.lastIndexOf("\r") + 1);
  if (!text.includes("\x1b")) return marked(text, needle);
  const found = [];
  const classes = new Set();
  let at = 0;
  const put = (piece) => {
    if (!piece) return;
    const span = document.createElement("span");
    span.className = [...classes].join(" ");
    span.append(...marked(piece, needle));
    found.push(span);
  };
  for (const match of text.matchAll(sequence)) {
    put(text.slice(at, match.index));
    if (match[1] !== undefined) apply(classes, match[1]);
    at = match.index + match[0].length;
  }
  put(text.slice(at));
  return found;
}
