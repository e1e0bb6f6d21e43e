// The preview of a genome that is pasted into the form: its drawing and its predicted costs.

import { post } from "../parts/api.js";
import { vocabOf } from "./draft.js";
import { el, put, scroller } from "../parts/dom.js";
import { labelled, setFault } from "./fields.js";
import { drawGenome, genomeLegend } from "../genome/genome.js";
import { metric, predicted } from "../parts/metrics.js";

const TYPING_MS = 200;

/** An input for a genome with its preview. The costs are those at the sizes of the plan in `draft()`. */
export function genomePreview(draft) {
  const input = el("textarea", { rows: 2, spellcheck: "false", placeholder: "1.1.1.1.1-9.1.1.1.1", class: "mono" });
  const place = labelled("genome", "Genome", input);
  const shown = el("div", { class: "preview", "aria-live": "polite" });
  let waiting = null;
  let asked = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, TYPING_MS);
  });

  async function show() {
    const genome = input.value.trim();
    const turn = (asked += 1);
    setFault(place, "");
    if (!genome) return put(shown);
    const { plan, tasks } = draft();
    const { width, head_dim, context } = plan;
    try {
      const cost = await post("/v1/genomes/cost", { genome, width, head_dim, context, vocab: vocabOf(plan, tasks) });
      if (turn === asked) put(shown, drawn(cost));
    } catch (problem) {
      if (turn !== asked) return undefined;
      put(shown);
      setFault(place, problem.errors[0]?.detail ?? problem.message);
    }
    return undefined;
  }

  return el("div", { class: "wide" }, place, shown);
}

function drawn(cost) {
  const facts = predicted().map((name) =>
    el("div", {}, el("dt", {}, metric(name).label), el("dd", {}, metric(name).write(cost[name]))),
  );
  const drawing = scroller("Drawing", drawGenome(cost.blueprint, "card"));
  return [drawing, el("dl", { class: "facts" }, facts), genomeLegend()];
}
