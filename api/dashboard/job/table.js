// The frontier as a sortable table: the best value of each column marked, the selection shared.

import { candidatePage } from "../parts/api.js";
import { el, put } from "../parts/dom.js";
import { drawGenome } from "../genome/genome.js";
import { caveat, metric, offered, written } from "../parts/metrics.js";

const PAGE = 50;

/** A table of frontier candidates in one element. */
export class FrontierTable {
  /** @param {HTMLElement} place @param {(number: number) => void} select */
  constructor(place, select) {
    this.place = place;
    this.select = select;
    this.sort = null;
    this.limit = PAGE;
  }

  /** Show the frontier of these points. */
  draw(points, job, read, selected) {
    this.redraw = () => this.draw(points, job, read, selected);
    const rows = points.frontier();
    if (rows.length === 0) return put(this.place, el("p", { class: "small" }, "No candidate is on the frontier yet."));
    const metrics = offered(Object.keys(points.columns.metrics), job.plan.objectives);
    this.sort ??= { name: metrics[0], down: false };
    const ranked = metrics.filter((name) => metric(name).objective !== false); // of others no value is the better one
    const best = Object.fromEntries(ranked.map((name) => [name, least(rows, (row) => points.value(name, row))]));
    const sorted = this.#sorted(rows, points);
    const { seeds } = points.columns;
    const body = sorted.slice(0, this.limit).map((row) => {
      const number = points.columns.number[row];
      const cells = metrics.map((name) => this.#figure(points, row, name, best[name]));
      return this.#row(
        number,
        job,
        [points.origin(row), seeds[row] > 1 && `mean of ${seeds[row]} seeds`].filter(Boolean).join(", "),
        read(points.columns.genome[row]),
        cells,
        number === selected,
      );
    });
    const heads = [
      this.#head("number", "Candidate"),
      el("th", { scope: "col" }, "Genome"),
      metrics.map((name) => this.#head(name, metric(name).label)),
    ];
    const focus = document.activeElement?.dataset?.focus;
    put(
      this.place,
      el("table", { class: "frontier" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, body)),
      sorted.length > this.limit && this.#more(sorted.length),
    );
    if (focus) this.place.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
    return undefined;
  }

  #sorted(rows, points) {
    const { name, down } = this.sort;
    const value = (row) => points.value(name, row) ?? Infinity;
    return [...rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
  }

  #head(name, label) {
    const active = this.sort?.name === name;
    const direction = this.sort?.down ? "descending" : "ascending";
    const turn = () => {
      this.sort = { name, down: active && !this.sort.down };
      this.redraw();
    };
    const button = el(
      "button",
      { type: "button", class: "sort", "data-focus": `sort-${name}`, on: { click: turn } },
      label,
    );
    return el(
      "th",
      {
        scope: "col",
        class: name === "number" ? null : "numeric",
        "aria-sort": active ? direction : "none",
        title: caveat(name),
      },
      button,
    );
  }

  #row(number, job, note, livs, cells, chosen) {
    const link = el("a", { href: candidatePage(job.id, number), "data-focus": `row-${number}` }, `${number}`);
    const choose = (event) => event.target.closest("a, button") || this.select(number);
    return el(
      "tr",
      {
        "data-number": number,
        "aria-current": chosen ? "true" : null,
        class: chosen ? "chosen" : null,
        on: { click: choose },
      },
      el("th", { scope: "row" }, link, note && el("small", {}, ` ${note}`)),
      el("td", {}, drawGenome(livs)),
      cells,
    );
  }

  #figure(points, row, name, best) {
    const isBest = points.value(name, row) === best;
    const text = written(name, points.metrics(row));
    return el("td", { class: isBest ? "numeric best" : "numeric", title: isBest ? "best in this column" : null }, text);
  }

  #more(count) {
    const show = () => {
      this.limit += PAGE;
      this.redraw();
    };
    return el("button", { type: "button", class: "quiet", on: { click: show } }, `Show more of ${count}`);
  }
}

function least(rows, value) {
  return rows.reduce((low, row) => Math.min(low, value(row) ?? Infinity), Infinity);
}
