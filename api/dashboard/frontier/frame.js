// Where values lie in the frontier chart, in pixels of its element, and the labels of its axes.

import { Scale } from "../chart/scale.js";
import { metric } from "../parts/metrics.js";
import { barred, errorAt } from "./marks.js";

const MARGIN = 0.07; // around the data, as a share of their span
const STRIP = 34; // pixels below the axis, for failed candidates and candidates outside a limit
const EDGE = { top: 22, right: 20, bottom: 54, left: 76 };
const NARROW = { top: 22, right: 8, bottom: 54, left: 56 };
const NARROW_PIXELS = 500;
const DIGIT = 7.2; // pixels of a digit of a label
const GAP = 14; // least pixels between two labels
const COUNTS = [6, 5, 4, 3, 2]; // of ticks; the first whose labels have room is taken
const OUTSIDE = 0.5; // pixels by which a point may lie outside

/** Least and greatest value; [0, 1] when there is none. */
export function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/**
 * The scales on which all of these rows and their error bars are seen.
 * @param {Object<string, number[]>} rows by kind
 * @returns {{x: Scale, y: Scale}}
 */
export function scalesOf(points, axes, logs, rows) {
  const shown = [...rows.lower, ...rows.dominated, ...rows.best, ...rows.baselines];
  const bars = barred(points, rows);
  const scale = (role) => {
    const [column, log] = [points.column(axes[role]), logs[role]];
    const ends = shown.map((row) => column[row]);
    for (const row of bars) {
      const error = errorAt(points, axes[role], row);
      ends.push(column[row] - error, column[row] + error);
    }
    return new Scale(...extent(log ? ends.filter((end) => end > 0) : ends), { log, margin: MARGIN });
  };
  return { x: scale("x"), y: scale("y") };
}

/** The rectangle between the axes. */
export class Frame {
  /**
   * @param {{width: number, height: number}} size of the chart's element
   * @param {{x: Scale, y: Scale}} scales
   * @param {{x: string, y: string}} axes the metric of each
   * @param {boolean} strip whether there is a strip below the axes
   */
  constructor(size, scales, axes, strip) {
    const edge = size.width < NARROW_PIXELS ? NARROW : EDGE;
    this.size = size;
    this.scales = scales;
    this.axes = axes;
    this.top = edge.top;
    this.bottom = size.height - edge.bottom - (strip ? STRIP : 0);
    this.right = size.width - edge.right;
    this.height = this.bottom - this.top;
    const ticks = { y: labelled(scales.y, axes.y, (labels) => labels.length * 36 < this.height) };
    this.labelWidth = DIGIT * Math.max(0, ...ticks.y.map(({ text }) => text.length));
    this.left = Math.max(edge.left, this.labelWidth + 32);
    this.width = this.right - this.left;
    ticks.x = labelled(scales.x, axes.x, (labels) => this.#fit(labels));
    this.ticks = ticks;
  }

  /** The place of a value across. */
  x(value) {
    return this.left + this.scales.x.share(value) * this.width;
  }

  /** The place of a value up. */
  y(value) {
    return this.bottom - this.scales.y.share(value) * this.height;
  }

  /** Whether a place lies between the axes. */
  holds(x, y) {
    const { left, right, top, bottom } = this;
    return x >= left - OUTSIDE && x <= right + OUTSIDE && y >= top - OUTSIDE && y <= bottom + OUTSIDE;
  }

  /** The shares of the scales at a place, at most the ends of the axes. */
  shares(x, y) {
    const within = (share) => Math.min(1, Math.max(0, share));
    return [within((x - this.left) / this.width), within((this.bottom - y) / this.height)];
  }

  /** The middle of the strip. */
  get strip() {
    return this.size.height - STRIP / 2;
  }

  #fit(labels) {
    const ends = labels.map(({ value, text }) => [this.x(value), (DIGIT * text.length + GAP) / 2]);
    return ends.every(([at, half], n) => n === 0 || at - half >= ends[n - 1][0] + ends[n - 1][1]);
  }
}

/** The ticks of an axis with their labels: as many as have room, or else the first and the last. */
function labelled(scale, name, fit) {
  const { tick } = metric(name);
  const choices = COUNTS.map((count) => scale.ticks(count).map((value) => ({ value, text: tick(value) })));
  return choices.find(fit) ?? [choices.at(-1)[0], choices.at(-1).at(-1)];
}
