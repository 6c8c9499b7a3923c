/** Asks the server; throws what it says where it does not answer. */
export async function ask(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") {
        query.append(name, one);
      }
    }
  }
  const text = query.toString();
  const answer = await fetch(`api/${path}${text === "" ? "" : `?${text}`}`);
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({}));
    throw new Error(error ?? `The dashboard answered ${answer.status}`);
  }
  return await answer.json();
}

/** What is heard from the server, by kind: `changed`, `run`, `open`, `lost`. */
const listeners = new Map();

/** Has `listener` told of events, until the returned function is called. */
export function listen(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

/**
 * Has `work` told of every run in which something was recorded, until the returned function is
 * called; what comes while it is at work is told once, afterwards.
 */
export function onChange(work) {
  const news = new Map();
  let busy = false;
  return listen("changed", async (event) => {
    news.set(event.run, event);
    if (busy) return;
    busy = true;
    try {
      for (const [run, latest] of news) {
        news.delete(run);
        await work(latest);
      }
    } finally {
      busy = false;
    }
  });
}

/** Opens the stream of events; the browser opens it again where it breaks. */
export function connect() {
  const source = new EventSource("api/events");
  for (const kind of ["changed", "run"]) {
    source.addEventListener(kind, ({ data }) => tell(kind, JSON.parse(data)));
  }
  source.addEventListener("open", () => tell("open"));
  source.addEventListener("error", () => tell("lost"));
  addEventListener("pagehide", () => source.close());
}

function tell(kind, data) {
  for (const listener of listeners.get(kind) ?? []) listener(data);
}
