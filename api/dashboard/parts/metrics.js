// What each metric is called, how it is written, and how an axis shows it. A metric is a row.

import { digits, duration, measured, percent, scaled, words } from "./format.js";

const METRICS = {
  bits_per_byte: { label: "Bits per byte", write: (v, e) => measured(v, e), better: "fewer" },
  recall_error: { label: "Recall error", write: (v, e) => share(v, e), better: "lower", tick: ".0%" },
  parameters: { label: "Parameters", write: (v) => scaled(v), better: "fewer", tick: "~s" },
  cache_bytes: {
    label: "Cache",
    write: (v) => scaled(v, "B"),
    better: "smaller",
    tick: "~s",
    suffix: "B",
    unit: "bytes",
  },
  decode_ms: {
    label: "Decode time",
    write: (v, e) => measured(v, e, "ms"),
    better: "faster",
    suffix: " ms",
    unit: "ms",
  },
  train_seconds: {
    label: "Training time",
    write: (v) => duration(v),
    better: "shorter",
    suffix: " s",
    unit: "seconds",
  },
  flops_per_token: { label: "FLOPs per token", write: (v) => scaled(v), better: "fewer", tick: "~s" },
};
const SUFFIX = "_stderr";
const DECADES = 30; // a span of more than this factor is shown in logarithms

/** How a metric is shown. Unknown ones are shown plainly. */
export function metric(name) {
  return METRICS[name] ?? { label: words(name), write: (v, e) => measured(v, e), better: "smaller" };
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

/** Whether these values are best shown in logarithms: all positive, and spanning decades. */
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
