// The server-sent events of a page: one stream, closed while the page is hidden and reopened after it breaks.

import { byId, el, put } from "./dom.js";

const KINDS = ["job", "candidate", "training", "frontier"];
const RETRY_MS = 2000;
const PATIENCE_MS = 1500;

/**
 * Follow a stream until its `end`.
 * @param {string} path
 * @param {(kind: string, data: Object) => void} onEvent
 * @param {() => void} onResume called when events may have been missed and everything must be read again
 */
export function follow(path, onEvent, onResume) {
  let source = null;
  let ended = false;
  let broken = null;

  function open() {
    if (ended || document.hidden || source) return;
    const opened = new EventSource(path);
    source = opened;
    opened.addEventListener("open", recover);
    opened.addEventListener("error", () => fail(opened));
    opened.addEventListener("end", finish);
    for (const kind of KINDS) opened.addEventListener(kind, (event) => onEvent(kind, read(event.data)));
  }

  function close() {
    source?.close();
    source = null;
  }

  function finish() {
    ended = true;
    close();
    quiet();
    onResume();
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
    onResume();
  }

  function quiet() {
    clearTimeout(broken);
    broken = null;
    put(byId("notice")).hidden = true;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    if (ended) return undefined;
    open();
    return onResume();
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

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
