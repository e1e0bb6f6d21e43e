// The card of the model: how far its predictions agree with what training found, short trainings with longer ones, and
// the signals of fresh models with their quality.

import { get, jobPath } from "../parts/api.js";
import { byId, el, put } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { percent, whole } from "../parts/format.js";
import { metric } from "../parts/metrics.js";
import { rungTable, two } from "./rungs.js";
import { signalTable } from "./signals.js";

const HONEST =
  "Each prediction was made before its candidate was trained. " +
  "If the model is honest, about 80\u202f% of outcomes lie in their 80\u202f% interval.";

/**
 * The card of a job's model, hidden for a search that predicts nothing and has neither rungs nor signals.
 * @param {string} id of the job
 * @returns {{refresh: () => Promise<void>}} `refresh` reads the predictions, rungs and signals again
 */
export function modelCard(id) {
  let wanted = true;
  const refresh = paced(async () => {
    const [found, climbs, fresh] = await Promise.all(
      ["predictions", "rungs", "signals"].map((name) => get(`${jobPath(id)}/${name}`).catch(() => null)),
    );
    if (!found || !climbs || !fresh) return;
    const predicts = found.metric !== null;
    wanted = predicts || climbs.rungs.length > 0 || fresh.signals.length > 0;
    byId("model-card").hidden = !wanted;
    byId("model-title").textContent = predicts ? "Model" : climbs.rungs.length > 0 ? "Rungs" : "Signals";
    if (wanted) put(byId("model"), predicts && predictions(found), rungTable(climbs.rungs), signalTable(fresh));
  });
  return { refresh: async () => wanted && refresh() };
}

function predictions(found) {
  const known = found.coverage !== null;
  const facts = [
    ["Predictions", whole(found.count)],
    ["Inside the 80\u202f% interval", percent(found.coverage, 0), span(found.coverage_low, found.coverage_high, share)],
    ["Rank correlation", two(found.rank_correlation), span(found.rank_low, found.rank_high, two)],
    [`Error, ${metric(found.metric).label.toLowerCase()}`, metric(found.metric).write(found.error)],
  ];
  return [
    known ? el("div", { class: "facts" }, facts.map(fact)) : el("p", { class: "small" }, "Too few predictions yet."),
    el("p", { class: "small" }, HONEST, known && " The ranges after the numbers are 95\u202f% intervals."),
  ];
}

function fact([name, value, range]) {
  return el(
    "div",
    { class: "fact" },
    el("span", { class: "fact-name" }, name),
    el("span", { class: "fact-value" }, value, range && el("small", {}, ` ${range}`)),
  );
}

function span(low, high, write) {
  return `${write(low)} to ${write(high)}`;
}

function share(value) {
  return percent(value, 0);
}
