// The frontier chart: plotly draws axes and marks and handles the zoom; a canvas over its drawing shows the points. The
// points are painted first, where plotly will draw its axes, because a browser takes a second to evaluate plotly.

import { isLog } from "./axes.js";
import { Cloud } from "./cloud.js";
import { dotsOf, scaleColours, sortedRows } from "./dots.js";
import { el } from "../parts/dom.js";
import { nextTask } from "../parts/events.js";
import { extent, frameOf, layout, planned } from "./frame.js";
import { spansDecades } from "../parts/metrics.js";
import { traces } from "./traces.js";
import { colour } from "./theme.js";

const FLASH_MS = 1600;
const CLICK_PIXELS = 5;
const HIDDEN_MS = 300;
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false };

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = el("script", { src: "/static/plotly.min.js" });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("the chart library did not load; reload the page")));
    document.head.append(script);
  });
  return loading;
}

/** The chart in one element. */
export class Scatter {
  /**
   * @param {HTMLElement} place for plotly
   * @param {HTMLCanvasElement} canvas over it
   * @param {{select: (number: number) => void, hover: (number: number|null, at: ?PointerEvent) => void}} listeners
   */
  constructor(place, canvas, listeners) {
    this.place = place;
    this.cloud = new Cloud(canvas);
    this.listeners = listeners;
    this.fresh = new Set();
    this.turn = 0;
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
    const turn = (this.turn += 1);
    const logs = Scatter.logs(points, axes);
    const rows = sortedRows(points, axes);
    const present = points.present === points ? rows : sortedRows(points.present, axes);
    const hueOf = huesOf(points, axes.colour, logs.colour, present);
    await nextTask();
    if (turn !== this.turn) return;
    this.shown = { points, axes, logs, rows, hueOf, inside };
    this.selected = selected;
    this.layout = layout(points.present, axes, logs, present);
    const first = !this.place.classList.contains("js-plotly-plot");
    if (first) {
      this.place.replaceChildren();
      this.place.removeAttribute("aria-busy");
      this.#dots();
      await painted();
    }
    const library = await plotly();
    await nextTask();
    if (turn !== this.turn) return;
    await library.react(this.place, this.#marks(), this.layout, CONFIG);
    if (first) {
      this.#listen();
      this.#dots();
    }
    this.cloud.canvas.dataset.dots = this.cloud.dots.count;
  }

  /** Ring another selected candidate in the chart as it is. */
  async mark(selected) {
    this.selected = selected;
    if (!this.layout) return;
    const library = await plotly();
    await library.react(this.place, this.#marks(), this.layout, CONFIG);
  }

  /** Dim other rows than before, in the next frame. */
  dim(inside) {
    if (!this.shown) return;
    this.shown.inside = inside;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#dots());
  }

  /** Ring a new point for a moment: in drawings from this call until the promise that it returns is fulfilled. */
  flash(number) {
    this.fresh.add(number);
    return new Promise((done) => setTimeout(() => done(this.fresh.delete(number)), FLASH_MS));
  }

  /** The chart as a PNG data URL. */
  async png() {
    const { width, height } = this.#size();
    const below = new Image();
    below.src = await (await plotly()).toImage(this.place, { format: "png", width, height, scale: 2 });
    await below.decode();
    const canvas = el("canvas", { width: 2 * width, height: 2 * height });
    const context = canvas.getContext("2d");
    context.fillStyle = colour("card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(below, 0, 0);
    context.drawImage(this.cloud.canvas, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/png");
  }

  /** The axes and the size at which plotly has drawn the chart. It follows its element's size with a delay. */
  #drawn() {
    return this.place._fullLayout ?? planned(this.place, this.layout);
  }

  #size() {
    const { width, height } = this.#drawn();
    return { width, height };
  }

  #marks() {
    const { points, axes, rows, hueOf } = this.shown;
    return traces(points, axes, rows, this.#ringed(points), hueOf);
  }

  #ringed(points) {
    const { axes } = this.shown;
    const { selected } = this;
    const { feasible } = points.columns;
    const known = (name, row) => points.value(name, row) !== null;
    const inChart = (row) => row !== undefined && feasible[row] && known(axes.x, row) && known(axes.y, row);
    const marked = [...this.fresh].map((number) => ({ number, fresh: true }));
    const all = selected === null ? marked : [...marked, { number: selected, fresh: false }];
    return all.filter(({ number }) => inChart(points.row(number)));
  }

  #dots() {
    const { points, axes, logs, rows, hueOf, inside } = this.shown;
    const { xaxis, yaxis } = this.#drawn();
    const drawn = [this.shown, inside, ...xaxis.range, ...yaxis.range, ...Object.values(this.#size())];
    if (drawn.every((part, n) => part === this.drawn?.[n])) return;
    this.drawn = drawn;
    const { dots, nearest } = dotsOf(rows, frameOf(this.#drawn(), points, axes, logs), hueOf, inside);
    this.nearest = nearest;
    this.cloud.draw(dots, this.#size());
  }

  #listen() {
    const under = (event) => {
      const box = this.place.getBoundingClientRect();
      const row = this.nearest.find(event.clientX - box.left, event.clientY - box.top);
      return row === null ? null : this.shown.points.columns.number[row];
    };
    for (const event of ["plotly_afterplot", "plotly_relayouting"]) this.place.on(event, () => this.#dots());
    this.place.addEventListener("pointermove", (event) => this.listeners.hover(under(event), event));
    this.place.addEventListener("pointerleave", () => this.listeners.hover(null, null));
    this.place.addEventListener("pointerdown", (down) => {
      const number = under(down);
      const up = (event) => {
        const moved = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY);
        if (number !== null && moved < CLICK_PIXELS) this.listeners.select(number);
      };
      window.addEventListener("pointerup", up, { once: true });
    });
  }
}

/** Wait until the page was painted, or is hidden and so is not painted. */
function painted() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, HIDDEN_MS);
  });
}

/** The third metric's colour of a row; null when there is none to show. */
function huesOf(points, name, log, rows) {
  if (name === "none") return () => null;
  const scale = scaleColours();
  const value = (row) => points.value(name, row);
  const placed = (v) => (log ? Math.log10(v) : v);
  const [low, high] = extent([...rows.dominated, ...rows.best, ...rows.baselines].map(value)).map(placed);
  return (row) => (value(row) === null ? null : scale(high > low ? (placed(value(row)) - low) / (high - low) : 0));
}
