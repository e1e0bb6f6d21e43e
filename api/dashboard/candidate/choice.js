// Why a candidate was chosen, and what a model predicted of it before its training.

import { metric, predicted } from "../parts/metrics.js";

const REASONS = {
  baseline: "Chosen as a baseline, to compare the others with.",
  given: "Chosen because the plan names its genome.",
  injected: "Injected while the search ran",
  "warm start": "Taken over from an earlier search, which trained it.",
  "initial design": "Chosen as a part of the initial design.",
  sampling: "Drawn at random, because there was nothing to choose by.",
  selection: "Chosen because its parents were selected.",
  "expected improvement": "Chosen by expected improvement.",
  exploration: "Drawn at random, so that the model is also tested on genomes that it would not choose.",
};

/** The metric that a model predicts: the first objective that only training can tell; null if there is none. */
export function uncertain(objectives) {
  const exact = predicted();
  return objectives.find((name) => !exact.includes(name)) ?? null;
}

/** The prediction of a candidate with its standard deviation; null if there is none. */
export function prediction({ predicted: value, deviation }, name) {
  return (value ?? null) === null || name === null ? null : metric(name).write(value, deviation);
}

/**
 * Why a candidate was chosen, in one line; empty for a candidate of which this was not recorded.
 * @param {{reason: ?string, by: ?string, predicted: ?number, deviation: ?number}} choice
 * @param {string[]} objectives
 * @param {string} rung the training tokens for which the prediction was made, in words; empty for the whole budget
 */
export function choiceLine(choice, objectives, rung) {
  const name = uncertain(objectives);
  const text = prediction(choice, name);
  const reason = REASONS[choice.reason] ?? (choice.reason ? `Chosen by ${choice.reason}.` : "");
  const why = choice.reason === "injected" ? `${reason}${choice.by ? `, by ${choice.by}` : ""}.` : reason;
  const label = name && metric(name).label.toLowerCase();
  return text ? `${why} Predicted ${label} ${text}${rung && ` on ${rung}`} before training.`.trim() : why;
}
