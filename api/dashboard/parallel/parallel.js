// Parallel coordinates: one axis for each objective and each limited metric, one line for each candidate.

import { Axis } from "./axis.js";
import { Brush } from "./brush.js";
import { drawLines, lineAt, sampled } from "./lines.js";
import { el, put } from "../parts/dom.js";
import { plural, whole } from "../parts/format.js";
import { insideOf } from "./ranges.js";

/** The metrics that have an axis: the objectives, then the others that the plan limits. */
export function axesOf({ objectives, constraints = [] }) {
  return [...new Set([...objectives, ...constraints.map(({ metric }) => metric)])];
}

/** The view in one element. */
export class Parallel {
  /**
   * @param {HTMLElement} place
   * @param {{select: (number: number) => void, brush: (ranges: import("./ranges.js").Ranges) => void}} listeners
   */
  constructor(place, listeners) {
    this.place = place;
    this.listeners = listeners;
    this.canvas = el("canvas", { class: "parallel-lines", role: "img" });
    this.canvas.addEventListener("click", (event) => this.#click(event));
    this.said = el("p", { class: "small parallel-said", role: "status" });
    this.clear = el("button", { type: "button", class: "quiet", on: { click: () => this.#brush({}) } }, "Clear ranges");
    new ResizeObserver(() => this.shown && this.#lines()).observe(this.canvas);
  }

  /**
   * Show these points.
   * @param {import("../job/points.js").Points} points
   * @param {Object} plan
   * @param {import("./ranges.js").Ranges} ranges
   * @param {number|null} selected
   */
  draw(points, plan, ranges, selected) {
    const names = axesOf(plan);
    if (this.names?.join() !== names.join()) this.#build(names);
    const rows = drawable(points, names);
    const all = points.present === points ? rows : drawable(points.present, names);
    const axes = names.map((name) => new Axis(name, points.columns.metrics[name] ?? [], all));
    const inside = insideOf(points, ranges);
    this.shown = { points, ranges, axes, selected, kinds: sampled(points, rows, inside) };
    this.brushes.forEach((brush, n) => brush.show(axes[n], ranges[names[n]], limitsOf(plan, names[n])));
    this.#say(rows, inside);
    this.#lines();
  }

  #build(names) {
    this.names = names;
    this.brushes = names.map(
      (name) =>
        new Brush(name, (range) => {
          const { [name]: _, ...others } = this.shown.ranges;
          this.#brush(range === null ? others : { ...others, [name]: range });
        }),
    );
    this.brushes.forEach(({ element }, n) => element.style.setProperty("--at", n / Math.max(1, names.length - 1)));
    const stage = el("div", { class: "parallel-stage" }, this.canvas, this.brushes.map(({ element }) => element));
    put(this.place, el("div", { class: "parallel-head" }, this.said, this.clear), stage);
  }

  #brush(ranges) {
    this.listeners.brush(ranges);
  }

  #say(rows, inside) {
    const { frontier, others } = this.shown.kinds;
    const drawn = ({ rows: some, count }) => `${some.length < count ? `${whole(some.length)} of ` : ""}${whole(count)}`;
    const lie = inside && `${whole(frontier.count + others.count)} of ${plural(rows.length, "candidate")} in the ranges. `;
    const text = `${lie ?? ""}Drawn: ${drawn(frontier)} on the frontier, ${drawn(others)} others.`;
    if (this.said.textContent !== text) this.said.textContent = text;
    this.clear.hidden = inside === null;
    this.canvas.setAttribute("aria-label", text);
  }

  #lines() {
    const box = this.canvas.getBoundingClientRect();
    const tracks = this.brushes.map(({ track }) => track.getBoundingClientRect());
    const across = tracks.map(({ left, width }) => left + width / 2 - box.left);
    this.frame = { axes: this.shown.axes, across, top: tracks[0].top - box.top, height: tracks[0].height };
    const { points, selected, kinds, axes } = this.shown;
    const row = points.row(selected);
    const known = row !== undefined && axes.every(({ values }) => (values[row] ?? null) !== null);
    drawLines(this.canvas, this.frame, kinds, known ? row : undefined);
  }

  #click(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const row = lineAt(this.frame, this.shown.kinds, event.clientX - left, event.clientY - top);
    if (row !== null) this.listeners.select(this.shown.points.columns.number[row]);
  }
}

/** The smallest and the largest value that a plan allows of a metric; null where it sets no limit. */
function limitsOf({ constraints = [] }, name) {
  const { at_least: low = null, at_most: high = null } = constraints.find(({ metric }) => metric === name) ?? {};
  return [low, high];
}

/** The rows that succeeded and have a value on every axis. */
function drawable(points, names) {
  const columns = names.map((name) => points.columns.metrics[name] ?? []);
  const { state } = points.columns;
  return points.select((row) => state[row] === "succeeded" && columns.every((values) => (values[row] ?? null) !== null));
}
