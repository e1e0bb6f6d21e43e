// Small line charts as plain SVG: a sparkline, and a curve with axes.

import { svg } from "../parts/dom.js";
import { round } from "../parts/format.js";
import { multiples, roundStep, ticks } from "./ticks.js";

const MOST_POINTS = 400;
const PAD = { left: 46, right: 12, top: 10, bottom: 26 };

/** A line without axes, as wide as a word. */
export function sparkline(values, label) {
  const [width, height] = [88, 24];
  const shown = thinned(values.map((value, n) => [n, value]));
  const top = Math.max(...shown.map(([, value]) => value), 1e-12);
  const last = Math.max(1, values.length - 1);
  const points = shown.map(([n, value]) => [1 + (n / last) * (width - 6), height - 3 - (value / top) * (height - 6)]);
  return svg(
    "svg",
    { class: "sparkline", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    points.length > 1 && svg("path", { d: `${stepped(points)}V${height}H${points[0][0]}Z`, class: "area" }),
    points.length > 1 && svg("path", { d: stepped(points), class: "line" }),
    points.length > 0 && svg("circle", { cx: points.at(-1)[0], cy: points.at(-1)[1], r: 2.5, class: "tip" }),
  );
}

/**
 * A curve with axes.
 * @param {[number, number][]} points in order of x
 * @param {Options} options
 */
export function curve(points, options) {
  return curves([{ points }], options);
}

/**
 * Curves over common axes, or null if there is nothing to show. One that is alone has its area filled.
 * @typedef {{label: string, x: string, y: string, steps?: boolean, fromZero?: boolean}} Options
 *   `label` is for screen readers; `x` and `y` name the axes
 * @param {{points: [number, number][], kind?: string, name?: string}[]} lines
 *   `kind` are classes of the stylesheet, `name` is shown on hover; the last line is drawn over the others
 * @param {Options} options
 */
export function curves(lines, { label, x, y, steps = false, fromZero = false }) {
  const [width, height] = [380, 190];
  const shown = lines
    .map((line) => ({ ...line, points: thinned(line.points.filter(([, value]) => Number.isFinite(value))) }))
    .filter(({ points }) => points.length > 0);
  if (shown.length === 0) return null;
  const first = Math.min(...shown.map(({ points }) => points[0][0]));
  const xs = within(first, Math.max(first + 1, ...shown.map(({ points }) => points.at(-1)[0])));
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value));
  const ys = around(fromZero ? 0 : Math.min(...values), Math.max(...values, fromZero ? 1e-9 : -Infinity));
  const across = (v) => PAD.left + ((v - xs.low) / (xs.high - xs.low)) * (width - PAD.left - PAD.right);
  const up = (v) => height - PAD.bottom - ((v - ys.low) / (ys.high - ys.low)) * (height - PAD.top - PAD.bottom);
  const drawn = ({ points, kind = "", name = `${y} over ${x}` }) => {
    const placed = points.map(([a, b]) => [across(a), up(b)]);
    const path = steps ? stepped(placed) : `M${placed.map((point) => point.join(" ")).join("L")}`;
    const area = shown.length === 1 && `${path}V${height - PAD.bottom}H${placed[0][0]}Z`;
    return svg(
      "g",
      { class: kind },
      area && svg("path", { d: area, class: "area" }),
      svg("path", { d: path, class: "line" }),
      svg("circle", { cx: placed.at(-1)[0], cy: placed.at(-1)[1], r: 3.5, class: "tip" }),
      svg("title", {}, name),
    );
  };
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ys.ticks.map((v) => svg("line", { x1: PAD.left, x2: width - PAD.right, y1: up(v), y2: up(v), class: "grid" })),
    ys.ticks.map((v) => svg("text", { x: PAD.left - 8, y: up(v) + 4, "text-anchor": "end" }, round(v))),
    xs.ticks.map((v) => svg("text", { x: across(v), y: height - 9, "text-anchor": "middle" }, round(v))),
    shown.map(drawn),
  );
}

function stepped(points) {
  return points
    .map(([a, b], n) => (n ? `H${a.toFixed(1)}V${b.toFixed(1)}` : `M${a.toFixed(1)} ${b.toFixed(1)}`))
    .join("");
}

/** Evenly chosen points, about `MOST_POINTS` at most, with the last one among them. */
function thinned(points) {
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, n) => n % every === 0 || n === points.length - 1);
}

/** Ticks inside a range, which stays as it is. */
function within(from, to) {
  return { ticks: ticks(from, to, { count: 4 }), low: from, high: to };
}

/** Ticks that cover a range, and the range from the first to the last of them. */
function around(from, to) {
  const step = roundStep((to - from || Math.abs(to) || 1) / 3);
  const low = Math.floor(from / step + 1e-9) * step;
  const high = Math.max(low + step, Math.ceil(to / step - 1e-9) * step);
  return { ticks: multiples(low, high, step), low, high };
}
