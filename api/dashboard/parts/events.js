// The server-sent events of a page: one stream, closed while the page is hidden and reopened after it breaks.

import { byId, el, put } from "./dom.js";

const KINDS = ["job", "candidate", "training", "frontier"];
const RETRY_MS = 2000;
const PATIENCE_MS = 1500;

/**
 * Follow a stream until its `end`.
 * @param {string} path
 * @param {number} after number of the last event that the page reflects already
 * @param {(kind: string, data: Object) => void} onEvent
 * @param {() => Promise<number>} onResume called when events may have been missed: it has everything read again, and
 *   gives the number of the last event before that reading
 */
export function follow(path, after, onEvent, onResume) {
  let last = after;
  let source = null;
  let ended = false;
  let broken = null;

  function open() {
    if (ended || document.hidden || source) return;
    const opened = new EventSource(`${path}?after=${last}`);
    source = opened;
    opened.addEventListener("open", recover);
    opened.addEventListener("error", () => fail(opened));
    opened.addEventListener("end", finish);
    opened.addEventListener("thinned", resume);
    for (const kind of KINDS) opened.addEventListener(kind, hear);
  }

  function hear({ type, data, lastEventId }) {
    last = Math.max(last, Number(lastEventId));
    onEvent(type, read(data));
  }

  async function resume() {
    const reached = await onResume().catch(() => 0); // the page itself shows why it could not be read
    last = Math.max(last, reached);
  }

  function close() {
    source?.close();
    source = null;
  }

  function finish() {
    ended = true;
    close();
    quiet();
    resume();
  }

  function fail(failed) {
    if (failed !== source) return;
    broken ??= setTimeout(announce, PATIENCE_MS);
    if (failed.readyState !== EventSource.CLOSED) return;
    close();
    setTimeout(open, RETRY_MS);
  }

  function recover() {
    if (broken === null) return;
    quiet();
    resume();
  }

  function quiet() {
    clearTimeout(broken);
    broken = null;
    put(byId("notice")).hidden = true;
  }

  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) return close();
    if (ended) return undefined;
    await resume(); // first, so that the stream begins after what was read
    return open();
  });
  open();
}

function announce() {
  const text = "The connection was lost. The page may be out of date until it is connected again.";
  put(byId("notice"), el("p", {}, text)).hidden = false;
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * A function that runs `work` soon after it is called, never twice at once. The pause after a run grows with its time.
 * @param {() => Promise<void>} work
 */
export function paced(work) {
  let wanted = false;
  let busy = false;
  return async function call() {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      const began = performance.now();
      await work();
      await pause(Math.min(5000, Math.max(250, 4 * (performance.now() - began))));
    }
    busy = false;
  };
}

/** Let the page answer to a person before the next piece of work. */
export function nextTask() {
  return pause(0);
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
