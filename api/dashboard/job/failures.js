// Failures by reason: the number of candidates that failed for each reason, and of those outside a limit.

import { el, put } from "../parts/dom.js";
import { whole, words } from "../parts/format.js";

/** Draw a bar per reason, most frequent first. */
export function drawFailures(place, points) {
  const { failure, state, feasible } = points.columns;
  const counts = new Map();
  const count = (reason) => counts.set(reason, (counts.get(reason) ?? 0) + 1);
  for (let row = 0; row < points.size; row += 1) {
    if (failure[row]) count(words(failure[row]));
    else if (state[row] === "succeeded" && !feasible[row]) count("outside a limit");
  }
  if (counts.size === 0) return put(place, el("p", { class: "small" }, "None."));
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const most = sorted[0][1];
  const line = ([reason, number]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, reason),
      el("td", {}, el("meter", { max: most, value: number, "aria-label": reason })),
      el("td", { class: "numeric" }, whole(number)),
    );
  return put(place, el("table", { class: "failures" }, el("tbody", {}, sorted.map(line))));
}
