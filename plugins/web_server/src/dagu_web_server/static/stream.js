// A stream of events that is opened anew when it broke, also where a browser gives up. A page that nobody looks at has
// none: browsers have few connections to one server.

const PAUSE = 5000;

/**
 * Listen until close(), or the server says that there will be no more.
 * @param address Called for each connection, since where to go on may have changed. Null: not now.
 * @param handlers By event; each gets its data. `end` may be among them.
 */
export function listen(address, handlers) {
  let source = null;
  let timer = 0;
  let over = false;

  function disconnect() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function connect() {
    disconnect();
    const where = document.hidden || over ? null : address();
    if (!where) return;
    source = new EventSource(where);
    for (const [name, handle] of Object.entries({ end: () => {}, ...handlers })) {
      source.addEventListener(name, (event) => {
        if (name === "end") close();
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(connect, PAUSE);
    });
  }

  function close() {
    over = true;
    disconnect();
    document.removeEventListener("visibilitychange", connect);
  }

  document.addEventListener("visibilitychange", connect);
  connect();
  return { close };
}
