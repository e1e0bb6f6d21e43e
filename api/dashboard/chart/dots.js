// The place, size and colour of every point of the frontier chart.

import { SHAPE } from "./cloud.js";
import { LATER } from "../job/points.js";
import { Nearest } from "./nearest.js";
import { colour } from "./theme.js";

const STOPS = ["scale-1", "scale-2", "scale-3", "scale-4", "scale-5"];
const SIZE = { halo: 16, best: 12.5, dominated: 9, lower: 7, strip: 10 };
const FAINT = 0.58;
const LOWER = 0.3; // candidates on lower rungs, whose metrics are those of short trainings
const DIMMED = 0.12; // of the opacity, outside the selected ranges
const CROWD = 3000; // more points than this are drawn fainter, so that the frontier still stands out

const WITHOUT_DOT = new Set(["running", LATER]);

/** The rows of a job by kind. A candidate without an outcome has no dot, nor has one without a value on an axis. */
export function sortedRows(points, axes) {
  const { frontier, feasible, baseline, state } = points.columns;
  const rows = { lower: [], dominated: [], best: [], baselines: [], failed: [], infeasible: [] };
  for (let row = 0; row < points.size; row += 1) {
    if (WITHOUT_DOT.has(state[row])) continue;
    if (state[row] !== "succeeded") rows.failed.push(row);
    else if (!feasible[row]) rows.infeasible.push(row);
    else if (points.value(axes.x, row) === null || points.value(axes.y, row) === null) continue;
    else if (baseline[row] !== null) rows.baselines.push(row);
    else if (points.onLowerRung(row)) rows.lower.push(row);
    else (frontier[row] ? rows.best : rows.dominated).push(row);
  }
  return rows;
}

/**
 * The dots that the canvas shows, and the index that finds the row of a dot near the pointer.
 * @param {{place: (row: number) => [number, number]|null, strip: (row: number) => [number, number]}} frame
 * @param {(row: number) => number[]|null} hueOf red, green, blue; null where there is no third metric
 * @param {Uint8Array|null} inside 0 for each row that is dimmed
 */
export function dotsOf(rows, frame, hueOf, inside = null) {
  const { lower, dominated, best, failed, infeasible } = rows;
  const count = lower.length + dominated.length + 2 * best.length + failed.length + infeasible.length;
  const dots = {
    count: 0,
    place: new Float32Array(2 * count),
    hue: new Uint8Array(4 * count),
    size: new Float32Array(count),
    shape: new Float32Array(count),
  };
  const nearest = new Nearest();
  const put = (at, hue, alpha, size, shape) => {
    const n = dots.count++;
    dots.place.set(at ?? [-99, -99], 2 * n);
    dots.hue.set([...hue, 255 * alpha], 4 * n);
    dots.size[n] = at ? size : 0;
    dots.shape[n] = shape;
  };
  const group = (members, place, size, shape, alpha, hue) => {
    for (const row of members) {
      const at = place(row);
      const opacity = inside === null || inside[row] ? alpha : alpha * DIMMED;
      put(at, hue(row), opacity, size, shape);
      if (at) nearest.add(at[0], at[1], row);
    }
  };
  const [card, edge, accent] = ["card", "edge", "accent"].map(rgb);
  const [bad, warn] = ["bad", "warn"].map(rgb);
  group(failed, frame.strip, SIZE.strip, SHAPE.cross, 1, () => bad);
  group(infeasible, frame.strip, SIZE.strip, SHAPE.ring, 1, () => warn);
  const faint = Math.min(1, CROWD / (dominated.length + lower.length || 1)) ** 0.3;
  group(lower, frame.place, SIZE.lower, SHAPE.disc, LOWER * faint, (row) => hueOf(row) ?? edge);
  group(dominated, frame.place, SIZE.dominated, SHAPE.disc, FAINT * faint, (row) => hueOf(row) ?? edge);
  group(best, frame.place, SIZE.halo, SHAPE.disc, 1, () => card);
  group(best, frame.place, SIZE.best, SHAPE.disc, 1, (row) => hueOf(row) ?? accent);
  for (const row of rows.baselines) {
    const at = frame.place(row);
    if (at) nearest.add(at[0], at[1], row);
  }
  return { dots, nearest };
}

/** The colour scale as a function of a share, 0 best and 1 worst. */
export function scaleColours() {
  const stops = STOPS.map(rgb);
  return (share) => {
    const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    return stops[low].map((channel, n) => Math.round(channel + (stops[low + 1][n] - channel) * (at - low)));
  };
}

function rgb(name) {
  return colour(name)
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
}
