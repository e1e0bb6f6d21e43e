// One axis of parallel coordinates: the values of a metric on a scale.

import { Scale } from "../chart/scale.js";
import { spansDecades } from "../parts/metrics.js";

const MARGIN = 0.02; // of the span, so that no line lies on the end of an axis

/** A vertical axis. Shares go from 0 at the bottom, the smallest value, to 1 at the top. */
export class Axis extends Scale {
  /**
   * @param {string} name of the metric
   * @param {(number|null)[]} values of all rows
   * @param {number[]} rows that are drawn
   */
  constructor(name, values, rows) {
    let [low, high] = [Infinity, -Infinity];
    for (const row of rows) {
      if (values[row] < low) low = values[row];
      if (values[row] > high) high = values[row];
    }
    const log = spansDecades([low, high]);
    super(...(low <= high ? [low, high] : [0, 1]), { log, margin: MARGIN });
    this.name = name;
    this.values = values;
  }
}
