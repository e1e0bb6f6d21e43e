// A candidate in brief, for hovering, selecting and comparing: its drawing, its standing and its metrics.

import { candidatePage, comparePage } from "../parts/api.js";
import { el, scroller } from "../parts/dom.js";
import { words } from "../parts/format.js";
import { drawGenome } from "../genome/genome.js";
import { metric, offered, written } from "../parts/metrics.js";

/** The card of the candidate under the pointer. */
export function hoverCard(points, row, livs, objectives) {
  const { number } = points.columns;
  return [
    el("strong", {}, `Candidate ${number[row]}`),
    standing(points, row),
    trainings(points, row),
    drawGenome(livs),
    figures(points, row, objectives),
  ];
}

/**
 * The selected candidate, beside another one when one is pinned for comparing.
 * @param {{points: import("./points.js").Points, job: Object, read: (genome: string) => Object[], pinned: number|null,
 *   pin: (number: number|null) => void}} context
 */
export function selectedCard(number, { points, job, read, pinned, pin }) {
  const row = points.row(number);
  const other = pinned === null || pinned === number ? undefined : points.row(pinned);
  const livs = read(points.columns.genome[row]);
  const otherLivs = other === undefined ? null : read(points.columns.genome[other]);
  const link = el("a", { class: "button primary", href: candidatePage(job.id, number) }, "Open");
  const comparing = pinned === number || other !== undefined;
  const text = comparing ? "Stop comparing" : "Compare";
  const compare = el("button", { type: "button", on: { click: () => pin(comparing ? null : number) } }, text);
  return [
    el("p", { class: "selected-name" }, el("strong", {}, `Candidate ${number}`), standing(points, row)),
    trainings(points, row),
    pinned === number && el("p", { class: "small" }, "Choose the candidate to compare it with."),
    scroller(`Genome of candidate ${number}`, drawGenome(livs, "card", otherLivs)),
    other !== undefined && [
      el("p", { class: "selected-name" }, el("strong", {}, `Candidate ${pinned}`), standing(points, other)),
      trainings(points, other),
      scroller(`Genome of candidate ${pinned}`, drawGenome(otherLivs, "card", livs)),
    ],
    scroller("Metrics", figures(points, row, job.plan.objectives, other)),
    other !== undefined && el("p", {}, el("a", { href: comparePage(job.id, number, pinned) }, "Gene by gene")),
    el("div", { class: "actions" }, link, compare),
  ];
}

/** The standing of a candidate as a word. */
export function standing(points, row) {
  const { state, frontier, feasible, failure } = points.columns;
  const word =
    (state[row] !== "succeeded" && words(failure[row] ?? state[row])) ||
    (frontier[row] && "on the frontier") ||
    (!feasible[row] && "outside a limit") ||
    (points.onLowerRung(row) ? "on a lower rung" : "dominated");
  return el(
    "span",
    { class: `standing${frontier[row] ? " best" : ""}` },
    [points.origin(row), word].filter(Boolean).join(", "),
  );
}

function trainings(points, row) {
  const text = points.trainings(row);
  return text && el("p", { class: "small" }, text);
}

function figures(points, row, objectives, other) {
  const metrics = points.metrics(row);
  const names = offered(Object.keys(metrics), objectives).filter((name) => name in metrics);
  if (names.length === 0) return null;
  const others = other === undefined ? null : points.metrics(other);
  const line = (name) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, metric(name).label),
      el("td", { class: "numeric" }, written(name, metrics)),
      others && el("td", { class: "numeric other" }, written(name, others)),
    );
  return el("table", { class: "figures" }, el("tbody", {}, names.map(line)));
}
