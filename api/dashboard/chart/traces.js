// The marks of the frontier chart that plotly draws: staircase, error bars, baselines, rings. `Cloud` draws the points.

import { errorOf } from "../parts/metrics.js";
import { colour } from "./theme.js";

const MOST_ERROR_BARS = 300; // more error bars than this would hide the points

/**
 * The traces of all marks, in plotly's format.
 * @param {import("../job/points.js").Points} points
 * @param {{x: string, y: string, colour: string}} axes
 * @param {{best: number[], baselines: number[], dominated: number[]}} rows
 * @param {{number: number, fresh: boolean}[]} ringed
 * @param {(row: number) => number[]|null} hueOf
 */
export function traces(points, axes, rows, ringed, hueOf) {
  const { frontier } = points.columns;
  const bars = barred(points, rows);
  const leads = (row) => frontier[row];
  const leaders = [...rows.best, ...rows.baselines.filter((row) => frontier[row])];
  return [
    staircase(points, axes, leaders),
    errorBars(points, axes, bars.filter(leads), "edge"),
    errorBars(points, axes, bars.filter((row) => !leads(row)), "line"),
    diamonds(points, axes, rows.baselines, hueOf),
    rings(points, axes, ringed),
  ].map((trace) => ({ type: "scatter", hoverinfo: "skip", showlegend: false, ...trace }));
}

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

function placed(points, axes, rows) {
  return { x: rows.map((row) => points.value(axes.x, row)), y: rows.map((row) => points.value(axes.y, row)) };
}

/** The staircase of the frontier in these two axes; no candidate lies below it. */
function staircase(points, axes, rows) {
  const at = (row) => [points.value(axes.x, row), points.value(axes.y, row)];
  const sorted = [...rows].sort((a, b) => at(a)[0] - at(b)[0] || at(a)[1] - at(b)[1]);
  const steps = [];
  for (const row of sorted) {
    if (steps.length === 0 || at(row)[1] < at(steps.at(-1))[1]) steps.push(row);
  }
  const line = { shape: "hv", width: 1.75, color: colour("edge") };
  return { name: "staircase", mode: "lines", ...placed(points, axes, steps), line };
}

function errorBars(points, axes, rows, hue) {
  const bars = {};
  for (const side of ["x", "y"]) {
    const array = rows.map((row) => errorAt(points, axes[side], row));
    if (!array.some((error) => error > 0)) continue;
    bars[`error_${side}`] = { type: "data", array, thickness: 1.5, width: 3.5, color: colour(hue) };
  }
  return { name: "noise", mode: "markers", ...placed(points, axes, rows), marker: { opacity: 0 }, ...bars };
}

function diamonds(points, axes, rows, hueOf) {
  const hues = rows.map((row) => `rgb(${(hueOf(row) ?? [150, 145, 140]).join(",")})`);
  return {
    name: "baselines",
    mode: "markers+text",
    ...placed(points, axes, rows),
    text: rows.map((row) => plain(points.columns.baseline[row])),
    textposition: "top center",
    textfont: { color: colour("ink"), size: 12.5 },
    cliponaxis: false,
    marker: { symbol: "diamond", size: 15, opacity: 1, color: hues, line: { width: 1.75, color: colour("ink") } },
  };
}

/** The text with its markup escaped, because plotly interprets some markup. */
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function rings(points, axes, ringed) {
  const marker = {
    symbol: "circle-open",
    size: ringed.map((ring) => (ring.fresh ? 34 : 25)),
    opacity: ringed.map((ring) => (ring.fresh ? 0.6 : 1)),
    line: { width: 2.5 },
    color: colour("accent"),
  };
  const rows = ringed.map((ring) => points.row(ring.number));
  return { name: "rings", mode: "markers", ...placed(points, axes, rows), marker };
}
