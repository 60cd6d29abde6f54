// Moments in the reader's time zone, how long ago they were, and how long something has been going on.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(seconds) {
  const size = Math.abs(seconds);
  const [unit, length] = units.find(([, least]) => size >= least) ?? units[3];
  return relative.format(-Math.round(seconds / length), unit);
}

export function duration(seconds) {
  const pad = (value) => String(value).padStart(2, "0");
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function localise(root = document) {
  for (const element of root.querySelectorAll("time[data-at]")) {
    const at = new Date(element.dateTime);
    set(element, element.closest(".event, .attempts") ? clock.format(at) : full.format(at));
    element.title = full.format(at);
  }
  for (const element of root.querySelectorAll("time[data-ago]")) element.title = full.format(new Date(element.dateTime));
  tick(root);
}

function tick(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-ago]")) set(element, ago((now - new Date(element.dateTime)) / 1000));
  for (const element of root.querySelectorAll("[data-since]")) set(element, duration((now - new Date(element.dataset.since)) / 1000));
}

setInterval(() => document.hidden || tick(), 1000);
document.addEventListener("visibilitychange", () => document.hidden || tick());
