// The page of two candidates of a search, side by side. Its address names them as `a` and `b`.

import { candidatePage, get, jobPage, jobPath } from "../parts/api.js";
import { readAddress } from "../parts/address.js";
import { readGenome } from "../genome/blueprint.js";
import { drawCrumbs } from "../page/crumbs.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { followJob } from "../page/following.js";
import { drawGenome, genomeLegend } from "../genome/genome.js";
import { geneTable } from "./genes.js";
import { differences } from "./metrics.js";
import { curvesOfTwo } from "./curves.js";
import { wholeBudget } from "../job/points.js";
import { costBars } from "../candidate/stack.js";
import { isLive, standing } from "../parts/state.js";

const id = decodeURIComponent(location.pathname.split("/")[2]);
const { a, b } = readAddress();
const view = { live: false };
const reload = paced(load);

/** Read the search and both candidates, and return the number of the last event before that. */
async function load() {
  let last = 0;
  try {
    const job = await get(jobPath(id));
    last = job.last_event;
    view.live = isLive(job);
    drawHead(job);
    if (a && b) draw(job, await Promise.all([a, b].map((number) => get(`${jobPath(id)}/candidates/${number}`))));
    showError(a && b ? null : new Error("Choose the numbers of two candidates."));
  } catch (problem) {
    showError(problem);
  }
  return last;
}

function drawHead(job) {
  const name = job.name || id;
  document.title = `Candidates ${a ?? "?"} and ${b ?? "?"} · ${name} · STAR`;
  drawCrumbs([name, jobPage(id)], ["All candidates", `${jobPage(id)}/candidates`]);
}

function draw(job, pair) {
  const genomes = pair.map(({ genome, blueprint }) =>
    readGenome(genome, job.space.classes).map((liv, n) => ({ ...liv, taken: blueprint[n].taken })),
  );
  const full = wholeBudget(job.plan);
  const drawing = (candidate, n) => [
    el(
      "h3",
      {},
      el("a", { href: candidatePage(id, candidate.number) }, `Candidate ${candidate.number}`),
      el("span", { class: "small" }, candidate.baseline ?? candidate.variation),
      el("span", { class: candidate.frontier ? "standing best" : "small" }, standing(candidate, full)),
    ),
    drawGenome(genomes[n], "full", genomes[1 - n]),
  ];
  put(byId("drawings"), el("div", { class: "compared" }, pair.map(drawing)));
  put(byId("genes"), geneTable(genomes, pair));
  put(byId("metrics"), differences(pair, job.plan.objectives));
  put(byId("curves"), curvesOfTwo(pair));
  put(
    byId("cost"),
    pair.map((candidate, n) =>
      el(
        "section",
        { "data-candidate": candidate.number, "aria-label": `Cost of candidate ${candidate.number}` },
        el("h3", {}, `Candidate ${candidate.number}`),
        costBars(candidate.cost, candidate.blueprint, pair[1 - n].cost),
      ),
    ),
  );
}

function drawChoice() {
  const number = (name, value) =>
    el(
      "label",
      {},
      name === "a" ? "Candidate" : "with candidate",
      el("input", { type: "number", name, min: 1, required: true, value: value ?? null }),
    );
  put(byId("choice"), number("a", a), number("b", b), el("button", { type: "submit" }, "Compare"));
}

drawChoice();
put(byId("legend"), genomeLegend());
load().then((last) => {
  const own = ({ number }) => [a, b].includes(String(number));
  if (view.live) followJob(id, last, (_, data) => own(data) && reload(), reload);
});
