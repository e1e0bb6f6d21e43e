// The frontier chart's axes: their layout for plotly, and where on the page a value lies.

import { title } from "./axes.js";
import { metric } from "../parts/metrics.js";
import { colour } from "./theme.js";
import { barred, errorAt } from "./traces.js";

const PADDING = 0.07; // margin around the data, as a share of its span
const STRIP = 34; // pixels below the axis, for failed candidates and candidates over a limit

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

/** Plotly's layout for these rows. */
export function layout(points, axes, logs, rows) {
  const narrow = document.documentElement.clientWidth < 560;
  const strip = rows.failed.length + rows.infeasible.length > 0;
  const shown = [...rows.lower, ...rows.dominated, ...rows.best, ...rows.baselines];
  const values = (name) => shown.map((row) => points.value(name, row));
  const range = (role) => padded([...values(axes[role]), ...barEnds(points, axes[role], rows)], logs[role]);
  return {
    uirevision: `${axes.x} ${axes.y} ${logs.x} ${logs.y}`,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12.5, color: colour("soft") },
    margin: { l: narrow ? 56 : 76, r: narrow ? 8 : 20, t: 22, b: 54 + (strip ? STRIP : 0) },
    hovermode: false,
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: axis(axes.x, logs.x, range("x")),
    yaxis: axis(axes.y, logs.y, range("y")),
  };
}

/** Where plotly will draw the axes of a layout, as far as its `_fullLayout` says where it has drawn them. */
export function planned(element, { margin, xaxis, yaxis }) {
  const { clientWidth: width, clientHeight: height } = element;
  return {
    width,
    height,
    xaxis: { range: xaxis.range, _offset: margin.l, _length: width - margin.l - margin.r },
    yaxis: { range: yaxis.range, _offset: margin.t, _length: height - margin.t - margin.b },
  };
}

/**
 * Where rows lie, in pixels of the chart's element.
 * @param {{xaxis: Object, yaxis: Object, height: number}} drawn plotly's `_fullLayout`, or what is planned
 * @returns {{place: (row: number) => [number, number]|null, strip: (row: number) => [number, number]}}
 *   `place` is null outside the zoomed part
 */
export function frameOf({ xaxis, yaxis, height }, points, axes, logs) {
  const share = (value, log, [from, to]) => ((log ? Math.log10(value) : value) - from) / (to - from);
  const inside = (at) => at >= -0.001 && at <= 1.001;
  const last = points.columns.number.at(-1) ?? 1;
  return {
    place(row) {
      const x = share(points.value(axes.x, row), logs.x, xaxis.range);
      const y = share(points.value(axes.y, row), logs.y, yaxis.range);
      if (!inside(x) || !inside(y)) return null;
      return [xaxis._offset + x * xaxis._length, yaxis._offset + (1 - y) * yaxis._length];
    },
    strip(row) {
      const across = points.columns.number[row] / (last + 1);
      return [xaxis._offset + across * xaxis._length, height - STRIP / 2];
    },
  };
}

function axis(name, log, range) {
  const { tick = null, suffix = "" } = metric(name);
  return {
    type: log ? "log" : "linear",
    range,
    title: { text: title(name), standoff: 12, font: { size: 13, color: colour("ink") } },
    gridcolor: colour("line"),
    zeroline: false,
    tickformat: tick ?? undefined,
    ticksuffix: suffix,
    dtick: log && range[1] - range[0] > 1.6 ? 1 : undefined,
    nticks: 7,
  };
}

/** The ends of the error bars along one axis. */
function barEnds(points, name, rows) {
  return barred(points, rows).flatMap((row) => {
    const [value, error] = [points.value(name, row), errorAt(points, name, row)];
    return value === null || error === 0 ? [] : [value - error, value + error];
  });
}

function padded(values, log) {
  const known = values.filter((value) => value !== null && (!log || value > 0));
  if (known.length === 0) return [0, 1];
  const [low, high] = extent(known).map((value) => (log ? Math.log10(value) : value));
  const pad = (high - low || Math.abs(high) || 1) * PADDING;
  return [low - pad, high + pad];
}
