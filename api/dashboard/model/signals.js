// How far zero-cost signals of fresh models rank the candidates as training does.

import { el, scroller } from "../parts/dom.js";
import { whole } from "../parts/format.js";
import { metric } from "../parts/metrics.js";
import { two } from "./rungs.js";

const MEANING =
  "A signal is a number from the fresh model. 1 means that a larger signal always goes with a better candidate, 0 that the " +
  "orders have nothing in common. Nothing in a search depends on signals. The ranges are 95\u202f% intervals.";

/**
 * The agreement of each signal with the quality as a table; null for a search without signals.
 * @param {{metric: ?string, signals: {signal: string, count: number, rank_correlation: ?number, rank_low: ?number,
 *   rank_high: ?number, kendall: ?number, kendall_low: ?number, kendall_high: ?number}[]}} found
 */
export function signalTable({ metric: quality, signals }) {
  if (signals.length === 0) return null;
  const heads = ["Signal", "Candidates", "Spearman", "Range", "Kendall", "Range"].map((name, n) =>
    el("th", { scope: "col", class: n ? "numeric" : null }, name),
  );
  const against = quality === null ? "an objective that is trained" : metric(quality).label.toLowerCase();
  return [
    el("h3", {}, `Do signals before training rank candidates as ${against} does?`),
    scroller(
      "Rank correlations of signals",
      el("table", { class: "rungs signals" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, signals.map(row))),
    ),
    el("p", { class: "small" }, MEANING),
  ];
}

function row({ signal, count, rank_correlation: ranks, rank_low: low, rank_high: high, ...other }) {
  const { kendall: tau, kendall_low: tauLow, kendall_high: tauHigh } = other;
  const known = ranks !== null;
  const cells = known ? [two(ranks), span(low, high), two(tau), span(tauLow, tauHigh)] : ["too few", "–", "–", "–"];
  return el(
    "tr",
    { "data-signal": signal },
    el("th", { scope: "row" }, metric(signal).label),
    [whole(count), ...cells].map((text) => el("td", { class: "numeric" }, text)),
  );
}

function span(low, high) {
  return `${two(low)} to ${two(high)}`;
}
