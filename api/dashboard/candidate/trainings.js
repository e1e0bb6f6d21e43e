// The trainings of a candidate: a loss curve for each, and a table of what each found.

import { uncertain } from "./choice.js";
import { curves } from "../chart/lines.js";
import { el, svg } from "../parts/dom.js";
import { duration, scaled, whole, words } from "../parts/format.js";
import { caveat, metric, written } from "../parts/metrics.js";

const DASHES = 3; // trainings of one purpose differ by their dashes, of which there are so many kinds
const KINDS = { promotion: "of-promotion", "re-evaluation": "of-repeat", "honest finish": "of-finish" };
const FORMS = { c: "C", onednn: "oneDNN", triton: "Triton", torch: "PyTorch" };
const MEANINGS = {
  search: "the first training of this genome",
  promotion: "more tokens, because the training on fewer tokens was promising",
  "re-evaluation": "the same tokens with another seed, because its place on the frontier was uncertain",
  "honest finish": "from scratch with a seed that the search never used; it decides nothing in the search",
  retry: "from the beginning with another seed, because it had failed and somebody asked for it",
  "warm start": "taken over from an earlier search, without training again",
};

/** The loss curves of a candidate's trainings over common axes, with a key if there are several. */
export function lossCurves({ state, trainings }) {
  const lines = styled(trainings).filter(({ points }) => points.length > 0);
  const thin = ({ purpose }) => purpose === "honest finish";
  const below = [...lines.filter(thin), ...lines.filter((line) => !thin(line))];
  const drawn = curves(below, { label: "Training loss over steps", x: "step", y: "loss" });
  if (!drawn) {
    const none = state === "running" ? "The model is being trained." : "No training loss was recorded.";
    return el("p", { class: "small" }, none);
  }
  return [drawn, lines.length > 1 && el("ul", { class: "legend", id: "curve-key" }, lines.map(keyOf))];
}

/**
 * A row for each training: its purpose, its seed and its outcome.
 * @param {Object[]} trainings
 * @param {string[]} objectives
 */
export function trainingTable(trainings, objectives) {
  const quality = uncertain(objectives) ?? objectives[0];
  const heads = ["Purpose", "Tokens", "Seed", metric(quality).label, "Time", "Device", "State"].map((name, n) =>
    el("th", { scope: "col", class: n > 0 && n < 5 ? "numeric" : null, title: n === 3 ? caveat(quality) : null }, name),
  );
  const row = (one) =>
    el(
      "tr",
      { "data-purpose": one.purpose },
      el("th", { scope: "row", title: MEANINGS[one.purpose] }, one.purpose),
      el("td", { class: "numeric" }, whole(one.tokens)),
      el("td", { class: "numeric" }, one.seed),
      el("td", { class: "numeric" }, quality in one.metrics ? written(quality, one.metrics) : "–"),
      el("td", { class: "numeric" }, one.finished_at ? duration(one.seconds) : "–"),
      el("td", {}, ranOn(one.execution)),
      el("td", {}, stateOf(one)),
    );
  return el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, trainings.map(row)));
}

/** What the purposes of some trainings mean, as the items of a list; empty for a single training of the search. */
export function purposes(trainings) {
  const present = Object.keys(MEANINGS).filter((purpose) => trainings.some((one) => one.purpose === purpose));
  if (present.every((purpose) => purpose === "search")) return [];
  return present.map((purpose) => [el("dt", {}, purpose), el("dd", {}, MEANINGS[purpose])]);
}

/** The device of a training, and how it ran there. */
function ranOn(execution) {
  if (!execution) return "–";
  const { device, forms, parts, peak_bytes: peak, quiet = null } = execution;
  const told = Object.entries(forms).map(([operator, ran]) => `${words(operator)} in ${ran.map(named).join(" and ")}`);
  if (parts > 1) told.push(`batches in ${parts} parts`);
  if (peak !== null) told.push(`at most ${scaled(peak, "B")}`);
  if (quiet !== null) told.push(quiet ? "times in a quiet slot" : "times beside other trainings");
  return [device, told.length > 0 && el("small", {}, ` ${told.join(", ")}`)];
}

function named(form) {
  return FORMS[form] ?? form;
}

function stateOf({ state, failure, detail, attempt, losses }) {
  const lost = Object.entries(losses).map(([kind, count]) => `${count} lost: ${kind}`);
  const word = el("span", { class: `state state-${state}`, title: detail || null }, failure ? words(failure) : state);
  return [word, attempt > 1 && el("small", { title: lost.join(", ") || null }, ` attempt ${attempt}`)];
}

/** The trainings as lines, in their order. */
function styled(trainings) {
  const counts = {};
  return trainings.map(({ purpose, tokens, seed, curve }) => {
    counts[purpose] = (counts[purpose] ?? -1) + 1;
    const kind = `${KINDS[purpose] ?? ""} dash-${counts[purpose] % DASHES}`;
    return { points: curve, kind, purpose, name: `${scaled(tokens)} tokens, seed ${seed}` };
  });
}

function keyOf({ kind, name, purpose }) {
  const line = svg("svg", { class: "line-swatch", width: 24, height: 8, "aria-hidden": "true" }, [
    svg("g", { class: kind }, svg("path", { d: "M0 4H24", class: "line" })),
  ]);
  return el("li", { title: MEANINGS[purpose] }, line, `${name}, ${purpose}`);
}
