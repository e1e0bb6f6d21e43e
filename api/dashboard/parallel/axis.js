// One axis of parallel coordinates: its range, its logarithm, and its ticks.

import { ticks } from "../chart/lines.js";
import { spansDecades } from "../parts/metrics.js";

const MARGIN = 0.02; // of the span, so that no line lies on the end of an axis

/** A vertical axis. Shares go from 0 at the bottom, the smallest value, to 1 at the top. */
export class Axis {
  /**
   * @param {string} name of the metric
   * @param {(number|null)[]} values of all rows
   * @param {number[]} rows that are drawn
   */
  constructor(name, values, rows) {
    this.name = name;
    this.values = values;
    let [low, high] = [Infinity, -Infinity];
    for (const row of rows) {
      if (values[row] < low) low = values[row];
      if (values[row] > high) high = values[row];
    }
    this.log = spansDecades([low, high]);
    [this.low, this.high] = low <= high ? [low, high] : [0, 1];
    const [from, to] = [this.#placed(this.low), this.#placed(this.high)];
    const margin = (to - from || Math.abs(to) || 1) * MARGIN;
    [this.from, this.to] = [from - margin, to + margin];
  }

  /** The place of a value on the axis. */
  share(value) {
    return (this.#placed(value) - this.from) / (this.to - this.from);
  }

  /** The value at a place of the axis. */
  value(share) {
    const placed = this.from + share * (this.to - this.from);
    return this.log ? 10 ** placed : placed;
  }

  /** Round values inside the axis. */
  ticks() {
    if (!this.log) return ticks(this.low, this.high, 6).filter((tick) => this.#inside(tick));
    const powers = ticks(Math.floor(this.from), Math.ceil(this.to), 4).filter(Number.isInteger);
    return powers.map((power) => 10 ** power).filter((tick) => this.#inside(tick));
  }

  #inside(value) {
    const share = this.share(value);
    return share >= 0 && share <= 1;
  }

  #placed(value) {
    return this.log ? Math.log10(value) : value;
  }
}
