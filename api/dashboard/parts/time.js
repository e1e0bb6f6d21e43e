// Times that are relative in the text and exact on hover. One timer for the page updates them.

import { el } from "./dom.js";
import { duration } from "./format.js";

const REFRESH_MS = 20_000;

/** A `<time>` that says how long ago it was. */
export function ago(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  const element = el("time", { datetime: at.toISOString(), title: at.toLocaleString() });
  element.textContent = relative(at);
  return element;
}

function relative(at) {
  const seconds = (Date.now() - at.getTime()) / 1000;
  return seconds < 5 ? "just now" : `${duration(seconds < 60 ? Math.round(seconds / 5) * 5 : seconds)} ago`;
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[datetime]")) {
    element.textContent = relative(new Date(element.dateTime));
  }
}, REFRESH_MS);
