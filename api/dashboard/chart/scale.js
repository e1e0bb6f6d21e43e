// A linear or logarithmic scale: values as shares of its length, and shares as values.

import { ticks } from "./ticks.js";

const LOST = 1e-9; // a span below this share of its end is none

/** A scale. Shares go from 0 at its lower end to 1 at its upper end, and beyond for values outside. */
export class Scale {
  /**
   * @param {number} low least value
   * @param {number} high greatest value
   * @param {{log?: boolean, margin?: number}} [options] whether the scale is logarithmic, which shows values up to 0 far
   *   below its lower end; and the margin added at each end, as a share of the span or, where there is none, of the value
   */
  constructor(low, high, { log = false, margin = 0 } = {}) {
    this.log = log;
    const [from, to] = [this.#placed(low), this.#placed(high)];
    const span = to - from > LOST * Math.abs(to) ? to - from : Math.abs(to) || 1;
    [this.from, this.to] = [from - margin * span, to + margin * span];
  }

  /** The place of a value. */
  share(value) {
    return (this.#placed(value) - this.from) / (this.to - this.from);
  }

  /** The value at a place. */
  value(share) {
    const placed = this.from + share * (this.to - this.from);
    return this.log ? 10 ** placed : placed;
  }

  /** The scale from one share of this one to another. */
  part(from, to) {
    return new Scale(this.value(from), this.value(to), { log: this.log });
  }

  /** About so many round values on the scale, ascending. */
  ticks(count = 5) {
    return ticks(this.value(0), this.value(1), { log: this.log, count });
  }

  #placed(value) {
    return this.log ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value;
  }
}
