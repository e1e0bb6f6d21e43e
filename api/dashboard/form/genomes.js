// The genomes that a search trains first: each line that is pasted into the form shows its drawing and predicted costs.

import { post } from "../parts/api.js";
import { vocabOf } from "./draft.js";
import { el, put, scroller } from "../parts/dom.js";
import { labelled, setFault } from "./fields.js";
import { drawGenome, genomeLegend } from "../genome/genome.js";
import { metric, predicted } from "../parts/metrics.js";

const TYPING_MS = 200;
const MOST_SHOWN = 20;

/**
 * An input for genomes, one a line, with their previews. The costs are those at the sizes of the plan in the draft.
 * @param {{plan: Object, tasks: Object[]}} draft
 * @param {() => void} changed
 */
export function genomesChoice(draft, changed) {
  const lines = draft.plan.genomes;
  const input = el("textarea", { rows: 3, spellcheck: "false", placeholder: "1.1.1.1.1-9.1.1.1.1", class: "mono" });
  input.value = lines.join("\n");
  const place = labelled("genomes", "Genomes, one a line", input);
  const shown = el("div", { class: "preview", "aria-live": "polite" });
  let waiting = null;
  let asked = 0;
  input.addEventListener("input", () => {
    draft.plan.genomes = input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    changed();
    clearTimeout(waiting);
    waiting = setTimeout(show, TYPING_MS);
  });

  async function show() {
    const turn = (asked += 1);
    const genomes = draft.plan.genomes.slice(0, MOST_SHOWN);
    const answers = await Promise.all(genomes.map((genome) => costOf(genome, draft)));
    if (turn !== asked) return;
    const wrong = answers.findIndex(({ fault }) => fault);
    setFault(place, wrong < 0 ? "" : `line ${wrong + 1}: ${answers[wrong].fault}`);
    const drawn = answers.flatMap(({ cost }, n) => (cost ? [preview(cost, n)] : []));
    put(shown, drawn, drawn.length > 0 && genomeLegend());
  }

  if (lines.length) show();
  return el("div", { class: "wide" }, place, shown);
}

async function costOf(genome, { plan, tasks }) {
  const { width, head_dim, context } = plan;
  try {
    return { cost: await post("/v1/genomes/cost", { genome, width, head_dim, context, vocab: vocabOf(plan, tasks) }) };
  } catch (problem) {
    return { fault: problem.errors[0]?.detail ?? problem.message };
  }
}

function preview(cost, n) {
  const facts = predicted().map((name) =>
    el("div", {}, el("dt", {}, metric(name).label), el("dd", {}, metric(name).write(cost[name]))),
  );
  const drawing = scroller(`Drawing of genome ${n + 1}`, drawGenome(cost.blueprint, "card"));
  return el("div", { "data-genome": n + 1 }, drawing, el("dl", { class: "facts" }, facts));
}
