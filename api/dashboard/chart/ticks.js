// Round numbers on the axis of a chart.

const STEPS = [
  [Math.sqrt(50), 10],
  [Math.sqrt(10), 5],
  [Math.sqrt(2), 2],
  [0, 1],
];
const FEWEST = 3;
const LOST = 1e-12; // a range narrower than this share of its end is lost in rounding

/**
 * Round values inside a range, ascending. Those of a wide logarithmic range are powers of ten, or 1, 2 and 5 times powers
 * of ten; all others are multiples of 1, 2 or 5 times a power of ten. A range of one value has that value.
 * @param {number} low
 * @param {number} high not below `low`
 * @param {{log?: boolean, count?: number}} [options] whether the axis is logarithmic, for which `low` is positive; and
 *   about how many values are wanted
 */
export function ticks(low, high, { log = false, count = 5 } = {}) {
  if (high - low <= Math.abs(high) * LOST) return [low];
  if (log) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const powers = multiples(from, to, Math.max(1, roundStep((to - from) / count))).map((power) => tens(1, power));
    if (powers.length >= Math.min(FEWEST, count)) return powers;
    const between = multiples(Math.floor(from), to, 1).flatMap((power) => [1, 2, 5].map((digit) => tens(digit, power)));
    const inside = between.filter((value) => value >= low && value <= high);
    if (inside.length >= FEWEST) return inside;
  }
  return multiples(low, high, roundStep((high - low) / count));
}

/** The number nearest to a positive one, in ratio, that is 1, 2 or 5 times a power of ten. */
export function roundStep(rough) {
  const power = Math.floor(Math.log10(rough));
  const [, digit] = STEPS.find(([least]) => rough / tens(1, power) >= least);
  return tens(digit, power);
}

/** The multiples of a step inside a range. */
export function multiples(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(15)));
}

/** A digit times a power of ten, without the rounding of a product. */
function tens(digit, power) {
  return Number(`${digit}e${power}`);
}
