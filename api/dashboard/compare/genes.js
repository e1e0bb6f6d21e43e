// Two genomes gene by gene: a row for each LIV, a column for its class and for each kind of sharing.

import { el } from "../parts/dom.js";
import { plural } from "../parts/format.js";

const GENES = { Class: (liv) => liv.name, Weights: weights, Features: features };

/**
 * The genes of two candidates as a table. Equal ones are grey; of a changed one both values are shown.
 * @param {import("../genome/blueprint.js").Liv[][]} genomes
 * @param {{number: number}[]} pair the candidates, in the order of the genomes
 */
export function geneTable([first, second], pair) {
  const rows = Array.from({ length: Math.max(first.length, second.length) }, (_, n) => [first[n], second[n]]);
  let changed = 0;
  const gene = (read, livs) => {
    const [one, other] = livs.map((liv) => (liv ? read(liv) : "no LIV"));
    if (one === other) return el("td", { class: "same" }, one);
    changed += 1;
    return el("td", { class: "changed" }, el("span", {}, one), el("span", {}, other));
  };
  const body = rows.map((livs, n) =>
    el("tr", {}, el("th", { scope: "row" }, `${n + 1}`), Object.values(GENES).map((read) => gene(read, livs))),
  );
  const heads = ["LIV", ...Object.keys(GENES)].map((name) => el("th", { scope: "col" }, name));
  const [above, below] = pair.map(({ number }) => `candidate ${number}`);
  const differ = `${plural(changed, "gene")} differ${changed === 1 ? "s" : ""}: ${above} above, ${below} below.`;
  return [
    el("p", { class: "small" }, changed ? differ : "The genomes are equal."),
    el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, body)),
  ];
}

function weights({ weights_from: from }) {
  return from === null ? "its own" : `of LIV ${from + 1}`;
}

function features({ features_from: from, features_strategy: strategy, taken }) {
  if (from !== null) return `${taken.join(", ")} of LIV ${from + 1}`;
  return strategy === 1 ? "its own" : `its own, shared (strategy ${strategy})`;
}
