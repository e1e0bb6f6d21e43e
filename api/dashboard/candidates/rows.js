// A page of candidates as a table. The heads of columns by which the server can sort are buttons.

import { candidatePage } from "../parts/api.js";
import { el, put } from "../parts/dom.js";
import { drawGenome } from "../genome/genome.js";
import { caveat, metric, offered, written } from "../parts/metrics.js";
import { wholeBudget } from "../job/points.js";
import { standing } from "../parts/state.js";
import { ago } from "../parts/time.js";

const LABELS = { number: "Candidate", finished_at: "Finished" };

/**
 * Draw candidates as a table.
 * @param {HTMLElement} place
 * @param {Object[]} candidates
 * @param {{job: Object, read: (genome: string) => Object[], sort: string, order: (sort: string) => void,
 *   chosen: number[], choose: (number: number, on: boolean) => void}} context
 */
export function drawTable(place, candidates, { job, read, sort, order, chosen, choose }) {
  const { objectives } = job.plan;
  const names = offered([...new Set(candidates.flatMap(({ metrics }) => Object.keys(metrics)))], objectives);
  const full = wholeBudget(job.plan);
  const head = (name) => {
    const attributes = { scope: "col", class: name in LABELS ? null : "numeric", title: caveat(name) };
    const label = LABELS[name] ?? metric(name).label;
    if (!(name in LABELS || objectives.includes(name))) return el("th", attributes, label);
    return el("th", { ...attributes, "aria-sort": direction(sort, name) }, sorter(name, label, sort, order));
  };
  const row = (one) =>
    el(
      "tr",
      { "data-number": one.number },
      el("td", {}, tick(one.number, chosen, choose)),
      el(
        "th",
        { scope: "row" },
        el("a", { href: candidatePage(job.id, one.number) }, `${one.number}`),
        el("small", {}, one.baseline ?? one.variation),
      ),
      el("td", {}, drawGenome(read(one.genome))),
      el("td", { class: one.frontier ? "standing best" : null, title: one.detail || null }, standing(one, full)),
      names.map((name) => el("td", { class: "numeric" }, written(name, one.metrics))),
      el("td", {}, ago(one.finished_at)),
    );
  const heads = [
    el("th", { scope: "col" }, el("span", { class: "hidden-text" }, "Compare")),
    head("number"),
    ["Genome", "Standing"].map((label) => el("th", { scope: "col" }, label)),
    names.map(head),
    head("finished_at"),
  ];
  const focused = document.activeElement?.dataset?.focus;
  put(
    place,
    el("table", { class: "candidates" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, candidates.map(row))),
  );
  if (focused) place.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

/** The order of the rows in words. */
export function orderInWords(sort) {
  const name = sort.replace(/^-/, "");
  const label = (LABELS[name] ?? metric(name).label).toLowerCase();
  if (name === "number") return sort === name ? "In the order of their proposals." : "The latest proposals first.";
  const ends = name === "finished_at" ? ["the earliest first", "the latest first"] : ["smallest first", "largest first"];
  return `Sorted by ${label}, ${ends[sort === name ? 0 : 1]}. Candidates without a value are left out.`;
}

function direction(sort, name) {
  return { [name]: "ascending", [`-${name}`]: "descending" }[sort] ?? "none";
}

function tick(number, chosen, choose) {
  const label = `Compare candidate ${number}`;
  const change = ({ target }) => choose(number, target.checked);
  const checked = chosen.includes(number);
  return el("input", { type: "checkbox", "aria-label": label, "data-focus": `tick-${number}`, checked, on: { change } });
}

function sorter(name, label, sort, order) {
  const click = () => order(sort === name ? `-${name}` : name);
  return el("button", { type: "button", class: "sort", "data-focus": name, on: { click } }, label);
}
