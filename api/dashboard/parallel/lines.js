// The lines of parallel coordinates on a canvas: which rows are drawn, how, and which line lies under the pointer.

import { colour } from "../chart/theme.js";

const MOST_LINES = 1500; // of each kind; more would only fill the picture
const NEAR_PIXELS = 7;

/** How each kind is drawn, in this order. */
const STYLES = {
  othersOutside: { hue: "edge", alpha: 0.04, width: 1 },
  others: { hue: "edge", alpha: 0.22, width: 1 },
  frontierOutside: { hue: "accent", alpha: 0.14, width: 1 },
  frontier: { hue: "accent", alpha: 0.9, width: 1.5 },
};

/**
 * The rows of each kind that are drawn, evenly chosen, with the number of all rows of the kind.
 * @param {import("../job/points.js").Points} points
 * @param {number[]} rows that have a value on every axis
 * @param {Uint8Array|null} inside
 * @returns {Object<string, {rows: number[], count: number}>} by the names of `STYLES`
 */
export function sampled(points, rows, inside) {
  const { frontier } = points.columns;
  const kinds = Object.fromEntries(Object.keys(STYLES).map((name) => [name, []]));
  for (const row of rows) {
    const out = inside !== null && !inside[row];
    if (frontier[row]) (out ? kinds.frontierOutside : kinds.frontier).push(row);
    else (out ? kinds.othersOutside : kinds.others).push(row);
  }
  return Object.fromEntries(
    Object.entries(kinds).map(([name, all]) => [name, { rows: evenly(all), count: all.length }]),
  );
}

function evenly(rows) {
  if (rows.length <= MOST_LINES) return rows;
  return Array.from({ length: MOST_LINES }, (_, n) => rows[Math.floor((n * rows.length) / MOST_LINES)]);
}

/**
 * Draw the lines.
 * @param {HTMLCanvasElement} canvas
 * @param {{axes: import("./axis.js").Axis[], across: number[], top: number, height: number}} frame `across` is the
 *   place of each axis in pixels; the axes begin `top` pixels below the canvas' upper edge and are `height` long
 * @param {Object<string, {rows: number[]}>} kinds
 * @param {number|undefined} selected row
 */
export function drawLines(canvas, frame, kinds, selected) {
  const density = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.lineJoin = "round";
  for (const [name, style] of Object.entries(STYLES)) strokeAll(context, frame, kinds[name].rows, style);
  if (selected === undefined) return;
  strokeAll(context, frame, [selected], { hue: "card", alpha: 1, width: 7 });
  strokeAll(context, frame, [selected], { hue: "warn", alpha: 1, width: 3.5 });
}

function strokeAll(context, frame, rows, { hue, alpha, width }) {
  context.strokeStyle = colour(hue);
  context.globalAlpha = alpha;
  context.lineWidth = width;
  for (const row of rows) {
    context.beginPath();
    frame.axes.forEach((axis, n) => context.lineTo(frame.across[n], heightOf(frame, axis, row)));
    context.stroke();
  }
}

/** The drawn row whose line is nearest to a place, or null; of equally near ones the last drawn. */
export function lineAt(frame, kinds, x, y) {
  const { axes, across } = frame;
  const right = across.findIndex((at) => at >= x);
  if (right < 1) return null;
  const part = (x - across[right - 1]) / (across[right] - across[right - 1]);
  let [found, least] = [null, NEAR_PIXELS];
  for (const row of Object.keys(STYLES).flatMap((name) => kinds[name].rows)) {
    const [from, to] = [axes[right - 1], axes[right]].map((axis) => heightOf(frame, axis, row));
    const away = Math.abs(from + part * (to - from) - y);
    if (away <= least) [found, least] = [row, away];
  }
  return found;
}

function heightOf({ top, height }, axis, row) {
  return top + (1 - axis.share(axis.values[row])) * height;
}
