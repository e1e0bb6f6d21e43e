// The frontier chart: SVG with axes and marks, a canvas with the points over it, and SVG with further marks over both.

import { isLog } from "./axes.js";
import { Cloud } from "./cloud.js";
import { colour } from "../chart/theme.js";
import { dotsOf, scaleColours, sortedRows } from "./dots.js";
import { el, put, svg } from "../parts/dom.js";
import { nextTask } from "../parts/events.js";
import { extent, Frame, scalesOf } from "./frame.js";
import { grid } from "./grid.js";
import { arrange } from "./labels.js";
import { diamonds, rings, underMarks } from "./marks.js";
import { picture } from "./picture.js";
import { Zoom } from "./zoom.js";

const FLASH_MS = 1600;
const CLICK_PIXELS = 5;

/** The chart in one element. */
export class Scatter {
  /**
   * @param {HTMLElement} place
   * @param {{select: (number: number) => void, hover: (number: number|null, at: ?PointerEvent) => void}} listeners
   */
  constructor(place, listeners) {
    this.place = place;
    this.listeners = listeners;
    this.under = svg("svg", { class: "plot" });
    this.cloud = new Cloud(el("canvas", { id: "cloud", class: "cloud", "aria-hidden": true }));
    this.over = svg("svg", { class: "plot" });
    this.zoom = new Zoom(place, () => this.#draw());
    this.fresh = new Set();
    this.turn = 0;
    new ResizeObserver(() => this.shown && this.#draw()).observe(place);
    this.#listen();
  }

  /** Whether each axis and the colour scale is logarithmic for the points that the axes show. */
  static logs(points, axes) {
    const { feasible, metrics } = points.columns;
    const values = (name) => (name === "number" ? [1] : (metrics[name] ?? []).filter((_, row) => feasible[row]));
    const log = (role) => isLog(axes, role, values(axes[role]));
    return { x: log("x"), y: log("y"), colour: log("colour") };
  }

  /**
   * Show these points. A zoom is kept while the axes stay the same.
   * @param {Uint8Array|null} inside 0 for each row that is dimmed
   */
  async draw(points, axes, selected, inside = null) {
    this.selected = selected;
    const turn = (this.turn += 1);
    const chosen = { x: axes.x, y: axes.y };
    const logs = Scatter.logs(points, axes);
    await nextTask();
    const rows = sortedRows(points, axes);
    const present = points.present === points ? rows : sortedRows(points.present, axes);
    await nextTask();
    if (turn !== this.turn) return;
    const whole = scalesOf(points.present, axes, logs, present);
    const hueOf = huesOf(points, axes.colour, logs.colour, present);
    const strip = present.failed.length + present.infeasible.length > 0;
    const key = JSON.stringify([chosen, logs.x, logs.y]);
    this.shown = { points, axes: chosen, key, whole, rows, strip, hueOf, inside };
    await nextTask();
    if (turn !== this.turn) return;
    if (!this.under.isConnected) put(this.place, this.under, this.cloud.canvas, this.over);
    this.#drawMarks();
    await nextTask();
    if (turn === this.turn) await this.#drawDots();
  }

  /** Ring another selected candidate in the chart as it is. */
  mark(selected) {
    this.selected = selected;
    if (this.frame) this.#drawOver();
  }

  /** Dim other rows than before, in the next frame. */
  dim(inside) {
    if (!this.shown) return;
    this.shown.inside = inside;
    cancelAnimationFrame(this.dimming);
    this.dimming = requestAnimationFrame(() => this.#drawDots());
  }

  /** Ring a new point for a moment: in drawings from this call until the promise that it returns is fulfilled. */
  flash(number) {
    this.fresh.add(number);
    return new Promise((done) => setTimeout(() => done(this.fresh.delete(number)), FLASH_MS));
  }

  /** The chart as a PNG data URL. */
  png() {
    return picture([this.under, this.cloud.canvas, this.over], this.frame.size, colour("card"));
  }

  #draw() {
    this.#drawMarks();
    this.#drawDots();
  }

  #drawMarks() {
    const { points, axes, key, whole, rows, strip } = this.shown;
    const { clientWidth: width, clientHeight: height } = this.place;
    this.frame = new Frame({ width, height }, this.zoom.scales(key, whole), axes, strip);
    this.zoom.within(this.frame);
    put(this.under, grid(this.frame), underMarks(points, this.frame, rows));
    this.#drawOver();
  }

  async #drawDots() {
    const { points, rows, hueOf, inside } = this.shown;
    const { dots, nearest } = dotsOf(points, rows, this.frame, hueOf, inside);
    this.nearest = nearest;
    await this.cloud.draw(dots, this.frame.size);
    this.cloud.canvas.dataset.dots = dots.count;
  }

  #drawOver() {
    const { points, rows, hueOf } = this.shown;
    const baselines = diamonds(points, this.frame, rows.baselines, hueOf);
    put(this.over, baselines, rings(points, this.frame, this.#ringed()), this.zoom.box);
    arrange([...this.over.querySelectorAll(".name")], this.frame.size.width);
  }

  /** The rows with a ring: those that are new, and the selected one. */
  #ringed() {
    const { points, axes } = this.shown;
    const { feasible } = points.columns;
    const known = (name, row) => points.value(name, row) !== null;
    return [...[...this.fresh].map((number) => ({ number, fresh: true })), { number: this.selected, fresh: false }]
      .map(({ number, fresh }) => ({ row: points.row(number), fresh }))
      .filter(({ row }) => row !== undefined && feasible[row] && known(axes.x, row) && known(axes.y, row));
  }

  #listen() {
    const numberAt = (event) => {
      const box = this.place.getBoundingClientRect();
      const row = this.nearest?.find(event.clientX - box.left, event.clientY - box.top) ?? null;
      return row === null ? null : this.shown.points.columns.number[row];
    };
    this.place.addEventListener("pointermove", (event) => {
      this.listeners.hover(this.zoom.dragging ? null : numberAt(event), event);
    });
    this.place.addEventListener("pointerleave", () => this.listeners.hover(null, null));
    this.place.addEventListener("pointerdown", (down) => {
      const number = numberAt(down);
      const up = (event) => {
        const moved = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY);
        if (number !== null && moved < CLICK_PIXELS) this.listeners.select(number);
      };
      window.addEventListener("pointerup", up, { once: true });
    });
  }
}

/** The third metric's colour of a row; null when there is none to show. */
function huesOf(points, name, log, rows) {
  if (name === "none") return () => null;
  const scale = scaleColours();
  const column = points.column(name);
  const placed = (v) => (log ? Math.log10(v) : v);
  const value = (row) => column[row] ?? null;
  const [low, high] = extent([...rows.dominated, ...rows.best, ...rows.baselines].map(value)).map(placed);
  return (row) => (value(row) === null ? null : scale(high > low ? (placed(value(row)) - low) / (high - low) : 0));
}
