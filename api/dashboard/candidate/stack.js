// The cost of each LIV as stacked bars: a bar for each kind of cost, a part for each LIV in its structure's hue.

import { el, svg } from "../parts/dom.js";
import { percent } from "../parts/format.js";
import { metric, predicted } from "../parts/metrics.js";

const [WIDTH, HEIGHT] = [1000, 30];

/**
 * A stacked bar for each kind of cost.
 * @param {{livs: Object[]}} cost `star.cost` as JSON
 * @param {import("../genome/blueprint.js").Liv[]} livs
 * @param {Object} [against] the cost of another candidate, whose bars have the same scale
 */
export function costBars(cost, livs, against = {}) {
  return el(
    "div",
    { class: "stacks" },
    predicted()
      .filter((name) => cost[name] > 0)
      .map((kind) => bar(kind, cost, livs, Math.max(cost[kind], against[kind] ?? 0))),
  );
}

function bar(kind, cost, livs, widest) {
  const { label, write } = metric(kind);
  const total = cost[kind];
  const parts = cost.livs.map((liv, n) => [livs[n], liv[kind]]);
  const rest = total - parts.reduce((sum, [, value]) => sum + value, 0);
  let at = 0;
  const drawn = [...parts, [null, Math.max(0, rest)]].map(([liv, value]) => {
    const left = at;
    at += (value / widest) * WIDTH;
    return value > 0 && part(liv, left, at - left, `${write(value)}, ${percent(value / total)}`);
  });
  const attributes = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" };
  return el(
    "div",
    { class: "stack", "data-kind": kind },
    el("div", { class: "stack-name" }, label, el("strong", {}, write(total))),
    svg("svg", { ...attributes, class: "genome stack-bar", "aria-label": `${label} by LIV` }, drawn),
  );
}

function part(liv, x, width, text) {
  const name = liv ? `LIV ${liv.position + 1}: ${liv.name}` : "Embedding, norms and head";
  const kind = liv ? `block fill-${liv.structure}` : "block rest";
  return svg(
    "g",
    { class: kind },
    svg("title", {}, `${name}: ${text}`),
    svg("rect", { x, y: 0, width, height: HEIGHT, class: "face" }),
  );
}
