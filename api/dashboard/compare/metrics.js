// The metrics of two candidates side by side, with their differences and the standard errors of these.

import { el } from "../parts/dom.js";
import { caveat, errorOf, metric, offered, written } from "../parts/metrics.js";

/**
 * The metrics of two candidates as a table.
 * @param {{number: number, metrics: Object<string, number>}[]} pair
 * @param {string[]} objectives
 */
export function differences(pair, objectives) {
  const values = pair.map(({ metrics }) => metrics);
  const names = offered([...new Set(values.flatMap(Object.keys))], objectives);
  const row = (name) => {
    const [one, other] = values.map((metrics) => metrics[name]);
    const winner = metric(name).better ? better(one, other) : null;
    const side = (n) => el("td", { class: n === winner ? "numeric best" : "numeric" }, written(name, values[n]));
    return el(
      "tr",
      { "data-metric": name },
      el("th", { scope: "row", title: caveat(name) }, metric(name).label),
      side(0),
      side(1),
      el("td", { class: "numeric" }, difference(name, values)),
    );
  };
  const heads = ["Metric", ...pair.map(({ number }) => `Candidate ${number}`), "Difference"].map((text, n) =>
    el("th", { scope: "col", class: n ? "numeric" : null }, text),
  );
  return [
    el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, names.map(row))),
    el(
      "p",
      { class: "small" },
      "The difference is the second value minus the first. Its standard error takes the two for independent.",
    ),
  ];
}

/** The place of the better value, 0 or 1; null if they are equal or one is missing. A smaller value is better. */
function better(one, other) {
  if (one === undefined || other === undefined || one === other) return null;
  return one < other ? 0 : 1;
}

function difference(name, [one, other]) {
  if (!(name in one && name in other)) return "–";
  const change = other[name] - one[name];
  const errors = [one, other].map((metrics) => metrics[errorOf(name)] ?? NaN);
  const sign = change > 0 ? "+" : change < 0 ? "−" : "";
  return sign + metric(name).write(Math.abs(change), Math.hypot(...errors));
}
