// The page of one search. The chart, the table and the card share one selection.

import { drawActions } from "./actions.js";
import { readColumns } from "../columns/read.js";
import { readAddress, writeAddress } from "../parts/address.js";
import { get, jobPath } from "../parts/api.js";
import { drawAxes, firstAxes } from "../frontier/axes.js";
import { readGenome } from "../genome/blueprint.js";
import { hoverCard, selectedCard } from "./card.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { nextTask, paced } from "../parts/events.js";
import { drawFailures } from "./failures.js";
import { followJob } from "../page/following.js";
import { genomeLegend } from "../genome/genome.js";
import { finishCard } from "../finish/finish.js";
import { drawHead } from "./head.js";
import { drawKey } from "../frontier/key.js";
import { curve } from "../chart/lines.js";
import { modelCard } from "../model/model.js";
import { Motifs } from "../motifs/motifs.js";
import { axesOf, Parallel } from "../parallel/parallel.js";
import { insideOf, readRanges, writeRanges } from "../parallel/ranges.js";
import { Points, wholeBudget } from "./points.js";
import { Scatter } from "../frontier/scatter.js";
import { whenSeen } from "./seen.js";
import { isLive } from "../parts/state.js";
import { FrontierTable } from "./table.js";
import { onThemeChange } from "../chart/theme.js";
import { Past } from "../timeline/past.js";
import { Timeline } from "../timeline/timeline.js";
import { Work } from "../work/work.js";

const MOST_STEPS = 1000; // of the curve of hypervolume
const FURTHER = ["promotion", "re-evaluation"];
const id = decodeURIComponent(location.pathname.split("/")[2]);
const view = {
  job: null,
  points: null, // as they are now
  shown: null, // as they were at the time of the slider
  past: null,
  history: null,
  axes: null,
  ranges: readRanges(),
  selected: null,
  pinned: null,
  genomes: new Map(),
};
const scatter = new Scatter(byId("scatter"), { select, hover });
const table = new FrontierTable(byId("table"), select);
const parallel = new Parallel(byId("parallel"), { select, brush });
const drawParallel = whenSeen(byId("parallel-card"), () => {
  parallel.draw(view.shown, view.job.plan, view.ranges, view.selected);
});
const motifs = new Motifs(byId("motifs"), read);
const countMotifs = paced(() => motifs.draw(view.points).catch(showError));
const drawMotifs = whenSeen(byId("motifs-card"), countMotifs);
const work = new Work(byId("work"));
const readWork = paced(() => work.draw(view.job).catch(showError));
const drawWork = whenSeen(byId("work-card"), readWork);
const timeline = new Timeline(byId("timeline"), drawAll);
const model = modelCard(id);
const finish = finishCard(id, () => view, read);

const reload = paced(load);
const refreshJob = paced(async () => {
  const job = await get(jobPath(id)).catch(() => null);
  if (job) showJob(job);
});
const drawSoon = paced(drawAll);

/** Read everything, and return the number of the last event before that. */
async function load() {
  let last = 0;
  try {
    const job = await get(jobPath(id));
    last = job.last_event;
    showJob(job);
    const columns = await readColumns(`${jobPath(id)}/points`);
    view.points = new Points(columns, job.done, wholeBudget(job.plan));
    showError(null);
    const drawn = drawAll();
    view.history = await readColumns(`${jobPath(id)}/history?most=${MOST_STEPS}`, ["done", "hypervolume", "frontier_size"]);
    await drawn;
    drawHypervolume();
    model.refresh();
    finish.refresh();
  } catch (problem) {
    showError(problem);
  }
  return last;
}

function showJob(job) {
  view.job = job;
  view.axes ??= firstAxes(job.plan.objectives);
  drawHead(job);
  drawActions(job, { changed, job: () => view.job, png: () => scatter.png() });
}

function changed(job) {
  showJob({ ...view.job, ...job });
  refreshJob();
}

/** Draw everything, in pieces that are short enough for the page to answer in between. */
async function drawAll() {
  const { job } = view;
  if (!view.points) return;
  view.past ??= new Past(job.plan.objectives);
  timeline.draw(view.points.lastOutcome, isLive(job));
  const { at } = timeline;
  const points = at === null ? view.points : await view.past.after(view.points, at);
  if (at !== timeline.at) return;
  view.shown = points;
  await drawScatter(); // first, as it is what a person waits for
  for (const draw of PIECES) {
    await nextTask();
    draw();
  }
}

const PIECES = [
  drawScatterControls,
  () => drawKey(byId("key"), view.shown, view.axes),
  drawParallel,
  drawTable,
  drawSelected,
  drawHypervolume,
  () => drawFailures(byId("failures"), view.points),
  drawMotifs,
  drawWork,
];

function drawScatter() {
  const { shown, axes, selected, ranges } = view;
  return scatter.draw(shown, axes, selected, insideOf(shown, ranges)).catch(showError);
}

function drawScatterControls() {
  const { shown, axes, job } = view;
  drawAxes(byId("axes"), axes, shown, job.plan.objectives, Scatter.logs(shown, axes), drawAll);
  const count = shown.frontier().length;
  const said = `${count} candidates on the frontier; arrow keys step along it, Enter opens one`;
  byId("scatter").setAttribute("aria-label", said);
  byId("parallel-card").hidden = axesOf(job.plan).length < 2;
}

function drawTable() {
  table.draw(view.shown, view.job, read, view.selected);
}

function drawHypervolume() {
  if (!view.history) return;
  const { done, hypervolume } = view.history;
  const labels = { label: "Hypervolume over candidates", x: "candidates done", y: "hypervolume" };
  const path = done.map((count, n) => [count, hypervolume[n]]);
  const line = curve(path, { ...labels, steps: true, fromZero: true });
  put(byId("hypervolume"), line ?? el("p", { class: "small" }, "No candidate has been evaluated yet."));
}

/** Draw the selected candidate only when it changed, so that a screen reader is not interrupted. */
function drawSelected() {
  const { shown: points, selected, pinned, job } = view;
  const known = [selected, pinned]
    .map((number) => points.row(number))
    .map((row) => [row, ...["state", "frontier", "tokens", "seeds"].map((name) => points.columns[name][row])]);
  const shown = JSON.stringify([selected, pinned, known]);
  if (byId("selected").dataset.shown === shown) return;
  byId("selected").dataset.shown = shown;
  if (selected === null || points.row(selected) === undefined) {
    put(byId("selected"), el("p", { class: "small" }, "Choose a point in the chart or a row of the table."));
    return;
  }
  put(byId("selected"), selectedCard(selected, { points, job, read, pinned, pin }));
}

/** The LIVs of a genome, decoded once with the job's own table of classes. */
function read(genome) {
  if (!view.genomes.has(genome)) view.genomes.set(genome, readGenome(genome, view.job.space.classes));
  return view.genomes.get(genome);
}

function select(number) {
  view.selected = number;
  writeAddress({ selected: number });
  drawTable();
  drawSelected();
  drawParallel();
  scatter.mark(number);
}

function brush(ranges) {
  view.ranges = ranges;
  writeRanges(ranges);
  drawParallel();
  scatter.dim(insideOf(view.shown, ranges));
}

function pin(number) {
  view.pinned = number;
  writeAddress({ compare: number });
  drawSelected();
}

function hover(number, at) {
  const card = byId("hover");
  card.hidden = number === null;
  if (number === null) return;
  const row = view.shown.row(number);
  put(card, hoverCard(view.shown, row, read(view.shown.columns.genome[row]), view.job.plan.objectives));
  const stage = card.parentElement.getBoundingClientRect();
  const left = at.clientX - stage.left + 18;
  card.style.left = `${Math.max(0, left + card.offsetWidth > stage.width ? left - card.offsetWidth - 36 : left)}px`;
  card.style.top = `${Math.max(0, Math.min(at.clientY - stage.top - 20, stage.height - card.offsetHeight))}px`;
}

/** Handle keys: arrows step along the frontier, Enter opens a candidate, Escape clears the selection. */
function onKey(event) {
  const { shown: points, axes, selected } = view;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "Enter" && selected !== null) location.assign(`${location.pathname}/candidates/${selected}`);
  if (event.key === "Escape") select(null);
  if (!step || !points) return;
  event.preventDefault();
  const order = points.frontier().sort((a, b) => points.value(axes.x, a) - points.value(axes.x, b));
  const at = order.indexOf(points.row(selected));
  const next = order[at < 0 ? (step > 0 ? 0 : order.length - 1) : Math.min(order.length - 1, Math.max(0, at + step))];
  if (next !== undefined) select(points.columns.number[next]);
}

function onEvent(kind, data) {
  refreshJob();
  if (!view.points) return;
  const { history, points } = view;
  if (kind === "frontier" && history.done.at(-1) === data.done) {
    history.hypervolume[history.hypervolume.length - 1] = data.hypervolume;
    history.frontier_size[history.frontier_size.length - 1] = data.size;
  }
  if (kind === "frontier") points.standing(data);
  if (kind === "candidate") {
    const number = points.candidate(data);
    if (number !== null) arrived(number, data.done);
  }
  // A further training may change what is known of a candidate, and with it the frontier.
  if (kind === "training" && data.purpose === "honest finish") finish.refresh();
  else if (kind === "training" && data.state !== "running" && FURTHER.includes(data.purpose)) reload();
  else if (kind !== "job") drawSoon();
}

function arrived(number, done) {
  const { history } = view;
  if (done > (history.done.at(-1) ?? 0)) {
    history.done.push(done);
    history.hypervolume.push(history.hypervolume.at(-1) ?? 0);
    history.frontier_size.push(history.frontier_size.at(-1) ?? 0);
  }
  model.refresh();
  scatter.flash(number).then(drawSoon);
}

function begin() {
  const { selected, compare } = readAddress();
  view.selected = selected ? Number(selected) : null;
  view.pinned = compare ? Number(compare) : null;
  put(byId("legend"), genomeLegend());
  byId("all").href = `${location.pathname}/candidates`;
  byId("scatter").addEventListener("keydown", onKey);
  onThemeChange(drawSoon);
  load().then((last) => view.job && isLive(view.job) && followJob(id, last, onEvent, reload));
}

begin();
