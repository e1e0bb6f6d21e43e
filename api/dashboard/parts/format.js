// Functions that write numbers for people, with significant digits, units and standard errors.

const PREFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const THIN = "\u202f"; // narrow no-break space between a number and its unit
const NONE = "–";

/** Three significant digits without an exponent: 0.0123, 1.24, 12.4, 805. */
export function digits(value, significant = 3) {
  if (!Number.isFinite(value)) return NONE;
  if (value === 0) return "0";
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.min(8, Math.max(0, significant - whole)));
}

/** A quantity with an SI prefix: 1.24 M, 805 MB. Counts below a thousand stay whole. */
export function scaled(value, unit = "") {
  if (!Number.isFinite(value)) return NONE;
  for (const [size, prefix] of PREFIXES) {
    if (Math.abs(value) >= size * 0.9995) return `${digits(value / size)}${THIN}${prefix}${unit}`;
  }
  return `${Number.isInteger(value) ? value : digits(value)}${unit && THIN + unit}`;
}

/** A round number with all its digits: 0.25, 20,000, 2.5e-7. */
export function round(value, unit = "") {
  const size = Math.abs(value);
  const exact = Number(value.toPrecision(12));
  const plain = size === 0 || (size >= 1e-4 && size < 1e9);
  const text = plain
    ? exact.toLocaleString("en", { maximumFractionDigits: 20 })
    : exact.toExponential().replace("e+", "e");
  return text + (unit && THIN + unit);
}

/** A round quantity with all its digits and an SI prefix: 1.5 MB. */
export function roundScaled(value, unit = "") {
  const [size, prefix] = PREFIXES.find(([least]) => Math.abs(value) >= least) ?? [1, ""];
  return round(value / size, prefix + unit);
}

/** A measurement, with as many digits as its standard error allows: 2.234 ± 0.013. */
export function measured(value, error = null, unit = "") {
  if (!Number.isFinite(value)) return NONE;
  const tail = unit && THIN + unit;
  if (!Number.isFinite(error) || error <= 0) return digits(value, 4) + tail;
  const places = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(error))));
  return `${value.toFixed(places)} ± ${error.toFixed(places)}${tail}`;
}

/** Whole numbers with separators: 100,000. */
export function whole(value) {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en") : NONE;
}

/** A share of one: 41.2 %. */
export function percent(share, places = 1) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(places)}${THIN}%` : NONE;
}

/** A duration: 35 s, 4 min, 1 h 20 min, 3 d 4 h. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 10) return `${digits(Math.max(0, seconds), 2)}${THIN}s`;
  if (seconds < 90) return `${Math.round(seconds)}${THIN}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}${THIN}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return [`${hours}${THIN}h`, minutes % 60 && `${minutes % 60}${THIN}min`].filter(Boolean).join(" ");
  return [`${Math.floor(hours / 24)}${THIN}d`, hours % 24 && `${hours % 24}${THIN}h`].filter(Boolean).join(" ");
}

/** "1 candidate", "3 candidates". */
export function plural(count, word) {
  return `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** Stored words as prose: out_of_memory becomes "out of memory". */
export function words(text) {
  return String(text).replaceAll("_", " ");
}
