// The line of a candidate: its ancestors back to the founders, what each step changed, and how the quality changed.

import { candidatePage } from "../parts/api.js";
import { sameLiv } from "../genome/blueprint.js";
import { el, svg } from "../parts/dom.js";
import { plural, words } from "../parts/format.js";
import { drawGenome } from "../genome/genome.js";
import { layout } from "./layout.js";
import { errorOf, metric, written } from "../parts/metrics.js";

const NAMES = ["This candidate", "Parents", "Grandparents"];
const NARROWEST = 164;
const LIV_WIDTH = 13; // of the smallest drawing of a genome
const PADDING = 22;

/**
 * Draw a line as columns of generations, the youngest first. LIVs that a member has from a parent are grey.
 * @param {Object[]} line the candidate as generation 0 and its ancestors
 * @param {{jobId: string, read: (genome: string) => import("../genome/blueprint.js").Liv[], quality: ?string}} context
 *   `quality` is the metric that is shown, or null
 */
export function genealogy(line, { jobId, read, quality }) {
  const members = new Map(line.map((one) => [one.number, { ...one, livs: read(one.genome) }]));
  const longest = Math.max(...[...members.values()].map(({ livs }) => livs.length));
  const { width, height, columns, boxes } = layout(line, Math.max(NARROWEST, longest * LIV_WIDTH + PADDING));
  const edges = line.flatMap(({ number, parents }) =>
    parents.filter((parent) => boxes.has(parent)).map((parent) => edge(number, parent, boxes)),
  );
  const column = ({ left, members: own }, generation) => [
    el("h3", { id: `generation-${generation}`, style: `left: ${left}px` }, NAMES[generation] ?? `${generation} back`),
    el(
      "ul",
      { "aria-labelledby": `generation-${generation}` },
      own.map(({ number }) => el("li", {}, node(members.get(number), members, boxes.get(number), { jobId, quality }))),
    ),
  ];
  return el(
    "div",
    { class: "genealogy", style: `width: ${width}px; height: ${height}px` },
    svg("svg", { class: "lines", width, height, "aria-hidden": "true" }, edges),
    columns.map(column),
  );
}

/** How far a line goes back, in words. */
export function lineInWords(ancestors, complete) {
  const founders = ancestors.filter(({ parents }) => parents.length === 0);
  const back = Math.max(...ancestors.map(({ generation }) => generation));
  const reach = `${plural(ancestors.length, "ancestor")} in ${plural(back, "generation")}, `;
  const start = `${plural(founders.length, "founder")}. LIVs that were new in a step are in colour.`;
  return reach + start + (complete ? "" : " Older ancestors are left out; the page of an ancestor shows its own.");
}

function node(one, members, box, { jobId, quality }) {
  const parents = one.parents.map((number) => members.get(number)).filter(Boolean);
  const inherited = one.livs.map((liv, n) => (parents.some(({ livs }) => sameLiv(liv, livs[n])) ? liv : null));
  const fresh = inherited.filter((liv) => liv === null).length;
  const changed = one.parents.length === 0 ? "founder" : `${plural(fresh, "LIV")} new`;
  const origin = one.baseline ?? words(one.variation);
  return el(
    "a",
    {
      class: one.generation === 0 ? "own" : null,
      href: candidatePage(jobId, one.number),
      "data-ancestor": one.number,
      style: `left: ${box.left}px; top: ${box.top}px; width: ${box.width}px; height: ${box.height}px`,
      title: `${origin}, ${changed}`,
    },
    el("span", { class: "first" }, el("strong", {}, `${one.number}`), el("small", {}, changed)),
    drawGenome(one.livs, "inline", inherited),
    el("span", {}, outcome(one, quality)),
    gain(one, parents, quality),
  );
}

function outcome({ state, failure, metrics }, quality) {
  if (state !== "succeeded") return words(failure ?? state);
  return quality && written(quality, metrics);
}

/** The change of the quality against the better parent, in colour if it is above twice its standard error. */
function gain({ metrics }, parents, quality) {
  const known = [metrics, ...parents.map((parent) => parent.metrics)].filter((one) => Number.isFinite(one[quality]));
  if (known[0] !== metrics || known.length === 1) return null;
  const better = known.slice(1).reduce((best, one) => (one[quality] < best[quality] ? one : best));
  const change = metrics[quality] - better[quality];
  const error = Math.hypot(...[metrics, better].map((one) => one[errorOf(quality)] ?? NaN));
  const sign = change > 0 ? "+" : change < 0 ? "−" : "";
  const side = Math.abs(change) > 2 * error && (change < 0 ? "gained" : "lost");
  const size = metric(quality).write(Math.abs(change), error);
  return el("small", { class: side, title: "against its better parent" }, sign, size);
}

function edge(child, parent, boxes) {
  const [from, to] = [boxes.get(child), boxes.get(parent)];
  const [x1, y1] = [from.left + from.width, from.top + from.height / 2];
  const [x2, y2] = [to.left, to.top + to.height / 2];
  const middle = (x1 + x2) / 2;
  return svg("path", { d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, "data-child": child });
}
