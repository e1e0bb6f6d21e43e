// The marks of the frontier chart: staircase and error bars under the points, baselines and rings over them.

import { svg } from "../parts/dom.js";
import { errorOf } from "../parts/metrics.js";

const MOST_ERROR_BARS = 300; // more error bars than this would hide the points
const CAP = 3.5; // half the width of an error bar's end, in pixels
const DIAMOND = 9.75; // half a diamond's diagonal
const RADIUS = { selected: 12.5, fresh: 17 }; // of a ring
const NO_HUE = [150, 145, 140];

/**
 * The rows that have error bars, if there are few enough: the frontier, the baselines, and means of several seeds.
 * @param {{best: number[], baselines: number[], dominated: number[]}} rows
 */
export function barred(points, { best, baselines, dominated }) {
  const { seeds } = points.columns;
  const found = [...best, ...baselines, ...dominated.filter((row) => seeds[row] > 1)];
  return found.length > MOST_ERROR_BARS ? [] : found;
}

/** The standard error that an error bar shows on one axis; 0 where there is none. */
export function errorAt(points, name, row) {
  return points.value(errorOf(name), row) ?? 0;
}

/**
 * The staircase of the frontier and the error bars, cut off at the axes.
 * @param {import("../job/points.js").Points} points
 * @param {import("./frame.js").Frame} frame
 * @param {Object<string, number[]>} rows by kind
 */
export function underMarks(points, frame, rows) {
  const { left, top, width, height } = frame;
  const { frontier } = points.columns;
  const leaders = [...rows.best, ...rows.baselines.filter((row) => frontier[row])];
  const bars = barred(points, rows).flatMap((row) => errorBars(points, frame, row));
  const cut = { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}` };
  return svg("svg", cut, staircase(points, frame, leaders), bars);
}

/**
 * The diamonds of baselines with their names.
 * @param {(row: number) => number[]|null} hueOf red, green, blue; null where there is no third metric
 */
export function diamonds(points, frame, rows, hueOf) {
  const found = placed(points, frame, rows);
  const marks = found.map(([row, x, y]) => {
    const d = `M${x} ${y - DIAMOND}l${DIAMOND} ${DIAMOND}l${-DIAMOND} ${DIAMOND}l${-DIAMOND} ${-DIAMOND}z`;
    return svg("path", { class: "diamond", d, fill: `rgb(${(hueOf(row) ?? NO_HUE).join(" ")})` });
  });
  const name = ([row, x, y]) => svg("text", { class: "name", x, y: y - DIAMOND - 7 }, points.columns.baseline[row]);
  return [marks, found.map(name)];
}

/**
 * Rings around candidates.
 * @param {{row: number, fresh: boolean}[]} ringed
 */
export function rings(points, frame, ringed) {
  return ringed.flatMap(({ row, fresh }) =>
    placed(points, frame, [row]).map(([, cx, cy]) =>
      svg("circle", { class: fresh ? "ring fresh" : "ring", cx, cy, r: RADIUS[fresh ? "fresh" : "selected"] }),
    ),
  );
}

/** Rows that lie between the axes, with their places. */
function placed(points, frame, rows) {
  return rows
    .map((row) => [row, frame.x(points.value(frame.axes.x, row)), frame.y(points.value(frame.axes.y, row))])
    .filter(([, x, y]) => frame.holds(x, y));
}

/** The staircase of the frontier in these two axes; no candidate lies below it. */
function staircase(points, frame, rows) {
  const [xs, ys] = [points.column(frame.axes.x), points.column(frame.axes.y)];
  const sorted = [...rows].sort((a, b) => xs[a] - xs[b] || ys[a] - ys[b]);
  let lowest = Infinity;
  let path = "";
  for (const row of sorted) {
    if (ys[row] >= lowest) continue;
    lowest = ys[row];
    const [x, y] = [frame.x(xs[row]), frame.y(lowest)];
    path += path ? `H${x}V${y}` : `M${x} ${y}`;
  }
  return svg("path", { class: "staircase", d: path });
}

/** The bars of a row: one standard error to each side, on each axis whose metric has one. */
function errorBars(points, frame, row) {
  const [xAt, yAt] = [points.value(frame.axes.x, row), points.value(frame.axes.y, row)];
  const [x, y] = [frame.x(xAt), frame.y(yAt)];
  const ends = (name, at) => [at - errorAt(points, name, row), at + errorAt(points, name, row)];
  const [left, right] = ends(frame.axes.x, xAt).map((value) => frame.x(value));
  const [low, high] = ends(frame.axes.y, yAt).map((value) => frame.y(value));
  const bar = (d) =>
    svg("path", {
      class: points.columns.frontier[row] ? "error leading" : "error",
      "data-number": points.columns.number[row],
      d,
    });
  return [
    right > left && bar(`M${left} ${y - CAP}v${2 * CAP}M${left} ${y}H${right}M${right} ${y - CAP}v${2 * CAP}`),
    low > high && bar(`M${x - CAP} ${low}h${2 * CAP}M${x} ${low}V${high}M${x - CAP} ${high}h${2 * CAP}`),
  ];
}
