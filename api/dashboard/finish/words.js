// The comparison of a finalist with a baseline in words: how probable its lead is, and whether it is more than noise.

import { digits, percent } from "../parts/format.js";
import { metric, predicted, written } from "../parts/metrics.js";

const OPPOSITES = { fewer: "more", smaller: "larger", faster: "slower", shorter: "longer" };
const TIMES = 10; // an increase of this factor or more is written as a factor and not as a percentage

/** How to read the comparisons, for people who see them for the first time. */
export const READING =
  "A percentage beside a verdict is the probability that the candidate is truly better than the baseline. " +
  "A difference is clear if it is more than two standard errors, otherwise it is within the noise. " +
  "Parameters, cache and FLOPs follow from the genome, so they are exact. " +
  "The noise is known once a candidate has two seeds.";

/**
 * A comparison in words.
 * @param {{metric: string, difference: number, probability: ?number, clear: boolean}} compared
 * @param {Object<string, number>} base the baseline's means
 * @returns {{text: string, verdict: string, kind: "lead"|"noise"|"behind"}} `verdict` is empty for exact metrics
 */
export function inWords({ metric: name, difference, probability, clear }, base) {
  const kind = clear ? (difference < 0 ? "lead" : "behind") : "noise";
  if (predicted().includes(name)) return { text: exact(name, difference, base[name]), verdict: "", kind };
  if (probability === null) return { text: "", verdict: "noise not known", kind };
  const verdict = { lead: "clear lead", behind: "clearly behind", noise: "within the noise" }[kind];
  return { text: chance(probability), verdict, kind };
}

/** The best finalist that is no baseline, and with which probability it beats each baseline, as sentences. */
export function headline(finalists, objective) {
  const best = finalists.find((one) => !one.baseline && one.seeds > 0);
  if (!best) {
    const alone = finalists.every((one) => one.baseline);
    return alone ? "The finish has no candidates other than baselines." : "No winner has a result.";
  }
  const { label } = metric(objective);
  const name = `The best winner by ${label.toLowerCase()} is candidate ${best.number} with ${written(objective, best.metrics)}.`;
  const beaten = best.against
    .filter((one) => one.metric === objective && one.probability !== null)
    .map((one) => {
      const base = finalists.find(({ number }) => number === one.baseline);
      const { text, verdict } = inWords(one, base.metrics);
      if (!verdict) return `Compared with ${base.baseline}: ${text}.`;
      const probability = text.replace(">", "more than").replace("<", "less than");
      return `The probability that it beats ${base.baseline} is ${probability} (${verdict}).`;
    });
  return [name, ...beaten].join(" ");
}

/** The seeds of a finalist that are known, of those asked for. */
export function seedsOf({ seeds, failed }, asked) {
  return `${seeds} of ${asked}${failed ? `, ${failed} failed` : ""}`;
}

/** A probability as a percentage that is never rounded to certainty. */
function chance(probability) {
  if (probability > 0.999) return "> 99.9\u202f%";
  if (probability < 0.001) return "< 0.1\u202f%";
  return percent(probability, probability > 0.99 || probability < 0.01 ? 1 : 0);
}

function exact(name, difference, base) {
  const { better } = metric(name);
  const word = difference < 0 ? better : (OPPOSITES[better] ?? "larger");
  if (difference === 0) return "equal";
  if (!(base > 0)) return word;
  const share = Math.abs(difference) / base;
  if (difference > 0 && 1 + share >= TIMES) return `${digits(1 + share)} times as much`;
  if (share < 0.001) return `< 0.1\u202f% ${word}`;
  if (share > 0.99 && share < 1) return `> 99\u202f% ${word}`;
  return `${percent(share, share < 0.1 ? 1 : 0)} ${word}`;
}
