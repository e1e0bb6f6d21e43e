// The metrics as the server declares them: their labels, and how a value is written and labelled on an axis.

import { get } from "./api.js";
import { digits, duration, measured, percent, round, roundScaled, scaled, words } from "./format.js";

// How a value of each format is written, and a round value beside a tick.
const FORMATS = {
  number: { write: measured, tick: round },
  share: { write: share, tick: (value) => round(100 * value, "%") },
  scaled: { write: (value, _, unit) => scaled(value, unit), tick: roundScaled },
  duration: { write: duration, tick: round },
};
const SUFFIX = "_stderr";
const DECADES = 30; // a span of more than this factor is shown in logarithms

// The pages wait for the table. Without it metrics are shown by their names, and the page reports that no answer came.
const METRICS = new Map(await declared());

async function declared() {
  try {
    return (await get("/v1/metrics")).metrics.map((row) => [row.name, shownAs(row)]);
  } catch {
    return [];
  }
}

function shownAs({ label, kind, better, unit, format, objective, limited, on_request: onRequest }) {
  const { write, tick } = FORMATS[format];
  const inUnit = { write: (value, error) => write(value, error, unit), tick: (value) => tick(value, unit) };
  return { label, kind, better, unit, objective, limited, onRequest, ...inUnit };
}

/** How a metric is shown. A metric that the server does not declare is shown by its name. */
export function metric(name) {
  return METRICS.get(name) ?? { label: words(name), write: measured, tick: round, better: "smaller" };
}

const MEASURED =
  "Times may have been measured while other candidates trained on the same machine; small differences may be noise.";

/** A warning about how a metric is obtained, or null if it needs none. */
export function caveat(name) {
  const { kind, onRequest } = metric(name);
  return kind === "measured" && !onRequest ? MEASURED : null;
}

/** The names of the metrics that follow from a genome without training. */
export function predicted() {
  return [...METRICS.keys()].filter((name) => METRICS.get(name).kind === "static");
}

/** A value of a metric with its noise, in words and units. */
export function written(name, metrics) {
  return metric(name).write(metrics[name] ?? NaN, metrics[name + SUFFIX] ?? null);
}

/** The name under which a metric's standard error is stored. */
export function errorOf(name) {
  return name + SUFFIX;
}

/** Metrics to offer, objectives first, without the standard errors. */
export function offered(available, objectives) {
  const others = available.filter((name) => !name.endsWith(SUFFIX) && !objectives.includes(name));
  return [...objectives, ...others];
}

/** Whether these values are all positive and span decades, so that a logarithmic axis shows them best. */
export function spansDecades(values) {
  let low = Infinity;
  let high = 0;
  for (const value of values) {
    if (value === null) continue;
    if (value <= 0) return false;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high > 0 && high / low > DECADES;
}

function share(value, error) {
  if (!Number.isFinite(value)) return "–";
  return Number.isFinite(error) && error > 0 ? `${percent(value)} ± ${digits(100 * error, 2)}` : percent(value);
}
