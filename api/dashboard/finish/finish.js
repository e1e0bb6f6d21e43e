// The card of the honest finish on the page of a search: its progress, and winners and baselines with their verdicts.

import { candidatePage, get, jobPath } from "../parts/api.js";
import { byId, el, put, scroller } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { plural, whole } from "../parts/format.js";
import { drawGenome } from "../genome/genome.js";
import { caveat, metric, written } from "../parts/metrics.js";
import { isLive } from "../parts/state.js";
import { headline, inWords, READING, seedsOf } from "./words.js";

/**
 * The card of a job's honest finish, hidden for a search that ends without one.
 * @param {string} id of the job
 * @param {() => {job: Object, points: import("../job/points.js").Points}} known what the page knows of the job
 * @param {(genome: string) => Object[]} read decodes a genome
 * @returns {{refresh: () => Promise<void>}} `refresh` reads the finish again
 */
export function finishCard(id, known, read) {
  const refresh = paced(async () => {
    const found = await get(`${jobPath(id)}/finish`).catch(() => null);
    if (!found) return;
    const { job, points } = known();
    const focus = document.activeElement?.dataset?.focus;
    put(byId("finish"), content(found, job, points, read));
    if (focus) byId("finish").querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
  });
  return {
    async refresh() {
      const wanted = known().job.plan.finish?.seeds > 0;
      byId("finish-card").hidden = !wanted;
      if (wanted) await refresh();
    },
  };
}

function content({ seeds, finalists }, job, points, read) {
  const about = el("p", {}, explained(seeds));
  if (finalists.length === 0) {
    const when = isLive(job) ? "It begins when the search has ended." : "This search ended before its honest finish.";
    return [about, el("p", { class: "small" }, when)];
  }
  const done = finalists.reduce((sum, one) => sum + one.seeds + one.failed, 0);
  const asked = seeds * Math.max(finalists.length, expected(points, job.plan));
  const [objective] = job.plan.objectives;
  const best = headline(finalists, objective);
  return [
    about,
    done < asked && progress(done, asked, isLive(job)),
    el("p", { class: "finish-best" }, done < asked ? `So far: ${best}` : best),
    scroller("Winners and baselines", table(finalists, seeds, job, read)),
    el("p", { class: "small finish-reading" }, READING),
  ];
}

function explained(seeds) {
  return (
    "The best of many trainings is partly luck. Therefore the winners and the baselines are trained again from scratch, " +
    `each with ${plural(seeds, "seed")} that the search never used. A seed decides all random numbers of a training. ` +
    "The table shows means over these seeds ± one standard error."
  );
}

/** The number of candidates in the finish: the baselines, and as many members of the frontier as the plan allows. */
function expected(points, plan) {
  const { baseline, frontier } = points.columns;
  const members = points.select((row) => frontier[row] && baseline[row] === null).length;
  return baseline.filter((name) => name !== null).length + Math.min(members, plan.finish.members);
}

function progress(done, asked, live) {
  const text = `${whole(done)} of ${plural(asked, "training")}${live ? "" : "; the search ended before the others"}`;
  return el(
    "div",
    { class: "progress finish-progress" },
    el("progress", { max: asked, value: done, "aria-label": `${text} done` }),
    el("span", { class: "number" }, text),
  );
}

function table(finalists, asked, job, read) {
  const { objectives } = job.plan;
  const heads = [
    el("th", { scope: "col" }, "Candidate"),
    el("th", { scope: "col", class: "finish-genome" }, "Genome"),
    ["Seeds", ...objectives].map((name, n) =>
      el("th", { scope: "col", class: "numeric", title: n ? caveat(name) : null }, n ? metric(name).label : name),
    ),
  ];
  const baselines = new Map(finalists.filter((one) => one.baseline).map((one) => [one.number, one]));
  const bodies = finalists.map((one) =>
    el(
      "tbody",
      { "data-number": one.number },
      finalistRow(one, asked, job, read),
      [...new Set(one.against.map(({ baseline }) => baseline))].map((number) =>
        againstRow(one, baselines.get(number), objectives),
      ),
    ),
  );
  return el("table", { class: "finish" }, el("thead", {}, el("tr", {}, heads)), bodies);
}

function finalistRow(one, asked, { id, plan }, read) {
  const link = el("a", { href: candidatePage(id, one.number), "data-focus": `finish-${one.number}` }, `${one.number}`);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, link, one.baseline && el("small", {}, ` ${one.baseline}`)),
    el("td", { class: "finish-genome" }, drawGenome(read(one.genome))),
    el("td", { class: "numeric" }, seedsOf(one, asked)),
    plan.objectives.map((name) => el("td", { class: "numeric" }, one.seeds ? written(name, one.metrics) : "–")),
  );
}

function againstRow(one, base, objectives) {
  const cells = objectives.map((name) => {
    const compared = one.against.find((row) => row.baseline === base.number && row.metric === name);
    return el("td", { class: "numeric" }, comparisonMark(compared, base.metrics));
  });
  return el(
    "tr",
    { class: "against", "data-baseline": base.number },
    el("th", { scope: "row" }, `against ${base.baseline}`),
    el("td", { class: "finish-genome" }),
    el("td", {}),
    cells,
  );
}

/** A comparison as text and a coloured verdict. */
export function comparisonMark(compared, base) {
  const { text, verdict, kind } = inWords(compared, base);
  return [
    text && el("span", { class: verdict ? null : `exact-${kind}` }, text),
    " ",
    verdict && el("span", { class: `verdict verdict-${kind}` }, verdict),
  ];
}
