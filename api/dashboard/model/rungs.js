// How well short trainings rank the candidates, from each rung to the next one.

import { el, scroller } from "../parts/dom.js";
import { scaled, whole } from "../parts/format.js";

const MEANING =
  "A rank correlation of 1 means that both trainings put the candidates in the same order, 0 that the orders have " +
  "nothing in common. Only promising candidates go on to more tokens, which lowers it. The ranges are 95\u202f% intervals.";

/**
 * The agreement of neighbouring rungs as a table; null for a search without rungs.
 * @param {{below: number, above: number, count: number, rank_correlation: ?number, rank_low: ?number,
 *   rank_high: ?number}[]} rungs
 */
export function rungTable(rungs) {
  if (rungs.length === 0) return null;
  const heads = ["Tokens", "Candidates on both", "Rank correlation", "Range"].map((name, n) =>
    el("th", { scope: "col", class: n ? "numeric" : null }, name),
  );
  return [
    el("h3", {}, "Do short trainings rank candidates as longer ones do?"),
    scroller(
      "Rank correlations",
      el("table", { class: "rungs" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rungs.map(row))),
    ),
    el("p", { class: "small" }, MEANING),
  ];
}

function row({ below, above, count, rank_correlation: ranks, rank_low: low, rank_high: high }) {
  const known = ranks !== null;
  const cells = known ? [two(ranks), `${two(low)} to ${two(high)}`] : ["too few", "–"];
  return el(
    "tr",
    { "data-below": below },
    el("th", { scope: "row" }, `${scaled(below)} and ${scaled(above)}`),
    [whole(count), ...cells].map((text) => el("td", { class: "numeric" }, text)),
  );
}

/** A correlation with two digits. */
export function two(value) {
  return Number.isFinite(value) ? value.toFixed(2) : "–";
}
