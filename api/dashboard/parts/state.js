// A job's state as a word and a colour, and its progress as a bar.

import { el } from "./dom.js";
import { whole, words } from "./format.js";

/** The state as a word with its colour; the reason, where there is one, on hover. */
export function stateWord(job) {
  return el("span", { class: `state state-${job.state}`, title: job.why || null }, job.state);
}

/** How many candidates are done, as a bar and in words. */
export function progress(job) {
  const label = `${whole(job.done)} of ${whole(job.candidates_total)} candidates done`;
  return el(
    "div",
    { class: "progress" },
    el("progress", { max: job.candidates_total, value: job.done, "aria-label": label }),
    el("span", { class: "number" }, whole(job.done), el("small", {}, ` of ${whole(job.candidates_total)}`)),
  );
}

/** Whether a job can still change. */
export function isLive(job) {
  return ["queued", "running", "paused"].includes(job.state);
}

/**
 * The standing of a candidate in words.
 * @param {{state: string, failure: ?string, frontier: boolean, feasible: boolean, tokens: number}} candidate
 * @param {number} full training tokens of the whole budget
 */
export function standing({ state, failure, frontier, feasible, tokens }, full) {
  if (state !== "succeeded") return words(failure ?? state);
  if (frontier) return "on the frontier";
  if (!feasible) return "outside a limit";
  return tokens < full ? "on a lower rung" : "dominated";
}
