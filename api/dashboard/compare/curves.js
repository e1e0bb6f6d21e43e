// The loss curves of the trainings of two candidates over common axes.

import { curves } from "../chart/lines.js";
import { el, svg } from "../parts/dom.js";
import { scaled } from "../parts/format.js";

const KINDS = ["of-a", "of-b"];
const DASHES = 3; // the trainings of one candidate differ by their dashes, of which there are so many kinds

/**
 * The curves of the trainings of both, with a key.
 * @param {{number: number, trainings: Object[]}[]} pair
 */
export function curvesOfTwo(pair) {
  const lines = pair.flatMap(({ number, trainings }, side) =>
    trainings
      .filter(({ curve }) => curve.length > 0)
      .map(({ curve, purpose, tokens, seed }, n) => ({
        points: curve,
        kind: `${KINDS[side]} dash-${n % DASHES}`,
        name: `Candidate ${number}: ${scaled(tokens)} tokens, seed ${seed}, ${purpose}`,
      })),
  );
  const numbers = pair.map(({ number }) => number).join(" and ");
  const drawn = curves(lines, { label: `Training loss over steps of candidates ${numbers}`, x: "step", y: "loss" });
  if (!drawn) return el("p", { class: "small" }, "No training loss was recorded.");
  return [drawn, el("ul", { class: "legend" }, pair.map(({ number }, side) => keyOf(number, KINDS[side])))];
}

function keyOf(number, kind) {
  const line = svg("svg", { class: "line-swatch", width: 24, height: 8, "aria-hidden": "true" }, [
    svg("g", { class: kind }, svg("path", { d: "M0 4H24", class: "line" })),
  ]);
  return el("li", {}, line, `Candidate ${number}`);
}
