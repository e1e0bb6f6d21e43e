// The page of one candidate: its genome, its metrics, its trainings, its cost and its family.

import { candidatePage, get, jobPage, jobPath } from "../parts/api.js";
import { drawAgain } from "./again.js";
import { choiceLine, prediction, uncertain } from "./choice.js";
import { readGenome } from "../genome/blueprint.js";
import { drawCrumbs } from "../page/crumbs.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { drawExport } from "./export.js";
import { family } from "./family.js";
import { followJob } from "../page/following.js";
import { ownFinish } from "../finish/own.js";
import { genealogy, lineInWords } from "../genealogy/genealogy.js";
import { duration, scaled, words } from "../parts/format.js";
import { drawGenome, genomeLegend } from "../genome/genome.js";
import { caveat, metric, offered, written } from "../parts/metrics.js";
import { trainedOn, wholeBudget } from "../job/points.js";
import { ordinal, rank } from "./rank.js";
import { costBars } from "./stack.js";
import { isLive, standing } from "../parts/state.js";
import { ago } from "../parts/time.js";
import { lossCurves, purposes, trainingTable } from "./trainings.js";

const [, , jobPart, , numberPart] = location.pathname.split("/");
const id = decodeURIComponent(jobPart);
const number = Number(numberPart);
const RANKED = "among the candidates that were trained on as many tokens";
const ORIGINS = {
  sample: "drawn at random",
  baseline: "a baseline",
  given: "given with the plan",
  injected: "given while the search ran",
  "warm start": "from an earlier search",
  stack: "a stack of one class",
  "alternating stack": "one class and the channel mixer in turn",
  mutation: "by mutation",
  "crossover+mutation": "by crossover and mutation",
};
const finish = ownFinish(id, number);
const drawn = { again: null, export: null, live: false };

const reload = paced(load);

/** Read everything, and return the number of the last event before that. */
async function load() {
  let last = 0;
  try {
    const job = await get(jobPath(id));
    last = job.last_event;
    const candidate = await get(`${jobPath(id)}/candidates/${number}`);
    draw(job, candidate);
    if (job.plan.finish?.seeds > 0) finish.refresh(job.plan.objectives);
    await drawLine(job, candidate);
    const columns = await get(`${jobPath(id)}/points`);
    drawMetrics(job, candidate, columns);
    showError(null);
  } catch (problem) {
    showError(problem);
  }
  return last;
}

function draw(job, candidate) {
  drawn.live = isLive(job);
  drawHeading(job, candidate);
  put(byId("drawing"), drawGenome(candidate.blueprint, "full"));
  put(byId("text"), candidate.genome);
  put(byId("legend"), genomeLegend());
  drawMetrics(job, candidate, null);
  put(byId("curve"), lossCurves(candidate));
  put(byId("trainings"), trainingTable(candidate.trainings, job.plan.objectives));
  put(byId("purposes"), purposes(candidate.trainings));
  put(byId("cost"), costBars(candidate.cost, candidate.blueprint));
  const read = (genome) => readGenome(genome, job.space.classes);
  const tie = { jobId: id, number, own: read(candidate.genome), read };
  const parents = candidate.parent_candidates;
  put(byId("parents"), family(parents, parents.length, "None: this candidate was not made from others.", tie));
  put(byId("children"), family(candidate.children, candidate.children_total, "None yet.", tie));
  const failed = `${candidate.state} ${candidate.trainings.length} ${drawn.live}`;
  if (drawn.again !== failed) drawAgain(byId("again"), id, candidate, drawn.live);
  drawn.again = failed;
  const exportable = `${candidate.state} ${candidate.weights_place}`;
  if (drawn.export !== exportable) drawExport(byId("export"), id, candidate);
  drawn.export = exportable;
}

/** Draw the ancestors; a candidate that has none has no such card. */
async function drawLine(job, candidate) {
  byId("line-card").hidden = candidate.parents.length === 0;
  if (candidate.parents.length === 0) return;
  const { candidates, complete } = await get(`${jobPath(id)}/candidates/${number}/ancestors`);
  const line = [{ ...candidate, generation: 0 }, ...candidates];
  const read = (genome) => readGenome(genome, job.space.classes);
  put(byId("line-said"), lineInWords(candidates, complete));
  put(byId("line"), genealogy(line, { jobId: id, read, quality: uncertain(job.plan.objectives) }));
}

function drawHeading(job, candidate) {
  document.title = `Candidate ${number} · ${job.name || "Search"} · STAR`;
  drawCrumbs([job.name || id, `${jobPage(id)}?selected=${number}`]);
  const { baseline, state, frontier, failure, detail, seconds, finished_at, variation, inherited } = candidate;
  const full = wholeBudget(job.plan);
  const first = candidate.trainings[0].tokens;
  const why = choiceLine(candidate.choice, job.plan.objectives, first < full ? `${scaled(first)} tokens` : "");
  const stands = state === "succeeded" && standing(candidate, full);
  put(
    byId("heading"),
    el("h1", {}, `Candidate ${number}`, baseline && el("span", { class: "baseline" }, baseline)),
    el(
      "p",
      { class: "under" },
      el("span", { class: `state state-${state}` }, failure ? words(failure) : state),
      stands && el("span", { class: frontier ? "standing best" : "standing" }, stands),
      state === "succeeded" && el("span", {}, trainedOn(candidate, full)),
      el("span", {}, ORIGINS[variation] ?? variation),
      finished_at && el("span", {}, ago(finished_at), `, in ${duration(seconds)}`),
    ),
    why && el("p", { id: "choice", class: "small" }, why),
    inherited && el("p", { id: "inherited", class: "small" }, begunWith(inherited)),
    detail && el("p", { class: "failure mono" }, detail),
  );
}

function begunWith({ candidate, livs }) {
  const parent = el("a", { href: candidatePage(id, candidate) }, `candidate ${candidate}`);
  const count = livs === 1 ? "1 LIV" : `${livs} LIVs`;
  return el("span", {}, `Its training began with the weights of ${count} of `, parent, ", not from scratch.");
}

function drawMetrics(job, candidate, columns) {
  const { cost, choice } = candidate;
  // The static metrics are stored before the training, but only a candidate that succeeded was measured.
  const metrics = candidate.state === "succeeded" ? candidate.metrics : {};
  const predicted = Object.keys(cost).filter((name) => typeof cost[name] === "number");
  const byModel = uncertain(job.plan.objectives);
  // A prediction is one of the first training, which a promotion leaves behind.
  const comparable = [0, candidate.trainings[0].tokens].includes(candidate.tokens);
  const expected = (name) =>
    name in cost ? metric(name).write(cost[name]) : name === byModel && comparable && prediction(choice, name);
  const names = offered([...new Set([...Object.keys(metrics), ...predicted])], job.plan.objectives);
  const line = (name) => {
    const at = columns && rank(columns, name, number);
    return el(
      "tr",
      { "data-metric": name },
      el(
        "th",
        { scope: "row", title: caveat(name) },
        metric(name).label,
        job.plan.objectives.includes(name) && el("small", {}, " objective"),
      ),
      el("td", { class: "numeric" }, expected(name) || "–"),
      el("td", { class: "numeric" }, name in metrics ? written(name, metrics) : "–"),
      el("td", { class: `numeric${at?.place === 1 ? " best" : ""}` }, at ? `${ordinal(at.place)} of ${at.of}` : "–"),
    );
  };
  const heads = ["Metric", "Predicted", "Measured", "Rank"].map((name, n) =>
    el("th", { scope: "col", class: n ? "numeric" : null, title: name === "Rank" ? RANKED : null }, name),
  );
  const timed = names.find((name) => name in metrics && caveat(name));
  put(
    byId("metrics"),
    el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, names.map(line))),
    timed && el("p", { class: "small" }, caveat(timed)),
  );
}

function onEvent(_, data) {
  // The noise is estimated from all finalists, so each training of the finish may change a verdict.
  if (data.number === number || data.purpose === "honest finish") reload();
}

function drawCompare() {
  byId("compare").action = `${jobPage(id)}/compare`;
  put(
    byId("compare"),
    el("input", { type: "hidden", name: "a", value: number }),
    el("label", {}, "Compare with candidate", el("input", { type: "number", name: "b", min: 1, required: true })),
    el("button", { type: "submit" }, "Compare"),
  );
}

drawCompare();
load().then((last) => {
  if (drawn.live) followJob(id, last, onEvent, reload);
});
