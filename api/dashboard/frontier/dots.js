// The place, size and colour of every point of the frontier chart.

import { SHAPE } from "./cloud.js";
import { LATER } from "../job/points.js";
import { Nearest } from "./nearest.js";
import { colour } from "../chart/theme.js";

const STOPS = ["scale-1", "scale-2", "scale-3", "scale-4", "scale-5"];
const SIZE = { halo: 16, best: 12.5, dominated: 9, lower: 7, strip: 10 };
const FAINT = 0.58;
const LOWER = 0.3; // candidates on lower rungs, whose metrics are those of short trainings
const DIMMED = 0.12; // of the opacity, outside the selected ranges
const SHADES = 256; // of the colour scale
const OUTSIDE = -999; // the place of a point outside the zoomed part, across and up
const CROWD = 3000; // more points than this are drawn fainter, so that the frontier still stands out

const WITHOUT_DOT = new Set(["running", LATER]);

/** The rows of a job by kind. A candidate without an outcome has no dot, nor has one without a value on an axis. */
export function sortedRows(points, axes) {
  const { frontier, feasible, baseline, state } = points.columns;
  const [xs, ys] = [points.column(axes.x), points.column(axes.y)];
  const rows = { lower: [], dominated: [], best: [], baselines: [], failed: [], infeasible: [] };
  for (let row = 0; row < points.size; row += 1) {
    if (WITHOUT_DOT.has(state[row])) continue;
    if (state[row] !== "succeeded") rows.failed.push(row);
    else if (!feasible[row]) rows.infeasible.push(row);
    else if ((xs[row] ?? null) === null || (ys[row] ?? null) === null) continue;
    else if (baseline[row] !== null) rows.baselines.push(row);
    else if (points.onLowerRung(row)) rows.lower.push(row);
    else (frontier[row] ? rows.best : rows.dominated).push(row);
  }
  return rows;
}

/**
 * The dots that the canvas shows, and the index that finds the row of a dot near the pointer.
 * @param {import("./frame.js").Frame} frame
 * @param {(row: number) => number[]|null} hueOf red, green, blue; null where there is no third metric
 * @param {Uint8Array|null} inside 0 for each row that is dimmed
 */
export function dotsOf(points, rows, frame, hueOf, inside = null) {
  const { lower, dominated, best, failed, infeasible, baselines } = rows;
  const [card, edge, accent, bad, warn] = ["card", "edge", "accent", "bad", "warn"].map(rgb);
  const faint = Math.min(1, CROWD / (dominated.length + lower.length || 1)) ** 0.3;
  const groups = [
    { members: failed, strip: true, size: SIZE.strip, shape: SHAPE.cross, alpha: 1, hue: () => bad },
    { members: infeasible, strip: true, size: SIZE.strip, shape: SHAPE.ring, alpha: 1, hue: () => warn },
    { members: lower, size: SIZE.lower, alpha: LOWER * faint, hue: (row) => hueOf(row) ?? edge },
    { members: dominated, size: SIZE.dominated, alpha: FAINT * faint, hue: (row) => hueOf(row) ?? edge },
    { members: best, size: SIZE.halo, alpha: 1, hue: () => card },
    { members: best, size: SIZE.best, alpha: 1, hue: (row) => hueOf(row) ?? accent },
    { members: baselines, size: 0, alpha: 1, hue: () => card }, // their diamonds are drawn over the canvas
  ];
  const count = groups.reduce((sum, { members }) => sum + members.length, 0);
  const dots = {
    count,
    place: new Float32Array(2 * count),
    hue: new Uint8Array(4 * count),
    size: new Float32Array(count),
    shape: new Float32Array(count),
  };
  const { number } = points.columns;
  const [xs, ys] = [points.column(frame.axes.x), points.column(frame.axes.y)];
  const apart = frame.width / ((number.at(-1) ?? 0) + 1); // between two candidates in the strip
  const keys = new Int32Array(count);
  let n = 0;
  for (const { members, strip = false, size, shape = SHAPE.disc, alpha, hue } of groups) {
    for (const row of members) {
      const x = strip ? frame.left + number[row] * apart : frame.x(xs[row]);
      const y = strip ? frame.strip : frame.y(ys[row]);
      const shown = strip || frame.holds(x, y);
      keys[n] = row;
      dots.place[2 * n] = shown ? x : OUTSIDE;
      dots.place[2 * n + 1] = shown ? y : OUTSIDE;
      dots.hue.set(hue(row), 4 * n);
      dots.hue[4 * n + 3] = 255 * (inside === null || inside[row] ? alpha : alpha * DIMMED);
      dots.size[n] = shown ? size : 0;
      dots.shape[n] = shape;
      n += 1;
    }
  }
  return { dots, nearest: new Nearest(dots.place, keys) };
}

/** The colour scale as a function of a share, 0 best and 1 worst. */
export function scaleColours() {
  const stops = STOPS.map(rgb);
  const shades = Array.from({ length: SHADES }, (_, n) => {
    const at = (n / (SHADES - 1)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    return stops[low].map((channel, k) => Math.round(channel + (stops[low + 1][k] - channel) * (at - low)));
  });
  return (share) => shades[Math.round(Math.min(1, Math.max(0, share)) * (SHADES - 1))];
}

function rgb(name) {
  return colour(name)
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
}
