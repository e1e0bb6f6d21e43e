// The key of the frontier chart: what the marks mean, and which end of the colours is better.

import { sortedRows } from "./dots.js";
import { el, put } from "../parts/dom.js";
import { plural, whole, words } from "../parts/format.js";
import { extent } from "./frame.js";
import { LATER } from "../job/points.js";
import { metric } from "../parts/metrics.js";
import { barred, errorAt } from "./marks.js";

/** Draw the key for these points and axes. */
export function drawKey(place, points, axes) {
  const { state, feasible, frontier, baseline, failure } = points.columns;
  const states = { succeeded: 0, failed: 0, cancelled: 0, running: 0, [LATER]: 0 };
  const reasons = new Map();
  let [lower, infeasible, leading] = [0, 0, 0];
  for (let row = 0; row < points.size; row += 1) {
    states[state[row]] += 1;
    if (frontier[row]) leading += 1;
    if (state[row] === "failed") reasons.set(failure[row], (reasons.get(failure[row]) ?? 0) + 1);
    if (state[row] !== "succeeded") continue;
    if (!feasible[row]) infeasible += 1;
    else if (points.onLowerRung(row) && baseline[row] === null) lower += 1;
  }
  const { failed, cancelled, running, [LATER]: later } = states;
  const strip = [failed && `${whole(failed)} failed`, cancelled && `${whole(cancelled)} cancelled`]
    .filter(Boolean)
    .join(", ");
  const kinds = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, number]) => `${whole(number)} ${words(reason)}`);
  put(
    place,
    axes.colour !== "none" && gradient(points, axes.colour),
    el(
      "ul",
      { class: "legend" },
      mark("frontier", `${whole(leading)} on the frontier`),
      mark("dominated", "dominated"),
      lower > 0 && mark("lower", `${whole(lower)} on a lower rung`),
      baseline.some(Boolean) && mark("baseline", "baseline"),
      hasBars(points, axes) && mark("bar", "± one standard error"),
      strip && mark("failed", [`${strip}, below`, kinds.join(", ")].filter(Boolean).join(": ")),
      infeasible > 0 && mark("infeasible", `${whole(infeasible)} outside a limit, below`),
      running > 0 && el("li", {}, `${plural(running, "candidate")} under way`),
      later > 0 && el("li", {}, `${whole(later)} later`),
    ),
  );
}

/** Whether the chart shows error bars. Candidates with one training have the noise of its validation. */
function hasBars(points, axes) {
  const rows = barred(points, sortedRows(points, axes));
  return rows.some((row) => errorAt(points, axes.x, row) > 0 || errorAt(points, axes.y, row) > 0);
}

function mark(kind, text) {
  return el("li", {}, el("span", { class: `mark mark-${kind}` }), text);
}

function gradient(points, name) {
  const { columns } = points;
  const values = (columns.metrics[name] ?? []).filter((value, row) => value !== null && columns.feasible[row]);
  if (values.length === 0) return null;
  const { label, write, better } = metric(name);
  const [low, high] = extent(values);
  return el(
    "div",
    { class: "gradient" },
    el("span", { class: "gradient-name" }, label),
    el("span", {}, better && el("b", {}, `${better} is better`), ` ${write(low)}`),
    el("span", { class: "gradient-bar" }),
    el("span", {}, write(high)),
  );
}
