// The drawing of a genome: a block per LIV, weight sharing as arcs above, feature sharing as arcs below.

import { inWords, sameLiv } from "./blueprint.js";
import { el, svg } from "../parts/dom.js";

const INLINE = { width: 11, height: 18, gap: 2, corner: 2.5, arc: 7, names: "none" };
const CARD = { width: 30, height: 88, gap: 4, corner: 4, arc: 16, names: "upright", letters: 10.5 };
const TALL = { width: 40, height: 112, gap: 6, corner: 6, arc: 34, names: "upright", letters: 12.5 };
const WIDE = { width: 108, height: 80, gap: 8, corner: 7, arc: 42, names: "level", letters: 13 };
const MOST_CARD_NAMES = 12;
const AROUND = 120; // pixels of a page beside a full drawing

/**
 * Draw a genome.
 * @param {import("./blueprint.js").Liv[]} livs
 * @param {"inline"|"card"|"full"} size
 * @param {import("./blueprint.js").Liv[]} [against] LIVs equal to this genome's are drawn grey
 * @returns {SVGElement}
 */
export function drawGenome(livs, size = "inline", against = null) {
  const form = { ...formFor(size, livs.length), longest: longestSpan(livs) };
  const above = room(livs, "weights_from", form);
  const below = room(livs, "features_from", form);
  const width = Math.max(1, livs.length * (form.width + form.gap) - form.gap) + 2;
  const height = above + form.height + below + 2;
  const attributes = {
    class: `genome genome-${size}`,
    role: "img",
    width,
    height,
    viewBox: `-1 -1 ${width} ${height}`,
  };
  const links = livs.flatMap((liv) => [weightsArc(liv, form, above), featuresArc(liv, form, above + form.height)]);
  return svg(
    "svg",
    { ...attributes, "aria-label": `Genome: ${inWords(livs)}` },
    livs.some((liv) => liv.banded || liv.routed) && patterns(),
    livs.map((liv, n) => block(liv, form, above, against !== null && sameLiv(liv, against[n]))),
    links,
  );
}

/** The key to the drawing: hues, marks and arcs. */
export function genomeLegend() {
  const entries = Object.entries(STRUCTURE_WORDS).map(([structure, says]) =>
    el("li", {}, el("span", { class: `swatch fill-${structure}` }), says),
  );
  return el(
    "ul",
    { class: "legend" },
    entries,
    el("li", {}, el("span", { class: "swatch swatch-differential" }), "differential"),
    el("li", {}, el("span", { class: "swatch swatch-banded" }), "banded"),
    el("li", {}, el("span", { class: "swatch-arc swatch-weights" }), "shared weights"),
    el("li", {}, el("span", { class: "swatch-arc swatch-features" }), "shared features"),
  );
}

/** What each hue means. */
export const STRUCTURE_WORDS = {
  low_rank: "low rank (attention)",
  semi_separable: "semi-separable (recurrence)",
  toeplitz: "Toeplitz (convolution)",
  delta: "delta rule",
  memory_cell: "memory cell (no LIV)",
  diagonal: "diagonal (no memory)",
};

function formFor(size, count) {
  if (size === "inline") return INLINE;
  if (size === "card") return count <= MOST_CARD_NAMES ? CARD : { ...CARD, ...INLINE, width: 12, height: 34, arc: 12 };
  const fits = count * (WIDE.width + WIDE.gap) <= Math.min(1240, document.documentElement.clientWidth) - AROUND;
  return fits ? WIDE : TALL;
}

function block(liv, form, top, faded) {
  const left = liv.position * (form.width + form.gap);
  const box = { x: left, y: top, width: form.width, height: form.height, rx: form.corner };
  const kind = `block fill-${liv.structure}${faded ? " same" : ""}`;
  const inner = Math.max(1.5, form.corner / 2);
  return svg(
    "g",
    { class: kind, "data-position": liv.position },
    svg("title", {}, describe(liv)),
    svg("rect", { ...box, class: "face" }),
    liv.banded && svg("rect", { ...box, class: "hatched" }),
    liv.routed && svg("rect", { ...box, class: "dotted" }),
    liv.differential &&
      svg("rect", {
        class: "doubled",
        x: left + inner,
        y: top + inner,
        width: form.width - 2 * inner,
        height: form.height - 2 * inner,
        rx: Math.max(1, form.corner - inner),
      }),
    label(liv, form, left + form.width / 2, top + form.height / 2),
  );
}

function describe(liv) {
  const marks = [liv.differential && "differential", liv.banded && "banded", liv.routed && "routed"].filter(Boolean);
  return [`LIV ${liv.position + 1}: ${liv.name}`, STRUCTURE_WORDS[liv.structure] ?? liv.structure, ...marks].join(", ");
}

function label(liv, form, x, y) {
  if (form.names === "none") return null;
  const turned = form.names === "upright" ? `rotate(-90 ${x} ${y})` : null;
  const at = {
    x,
    y,
    "font-size": form.letters,
    transform: turned,
    "text-anchor": "middle",
    "dominant-baseline": "central",
  };
  return svg("text", at, liv.name);
}

function longestSpan(livs) {
  const spans = livs.flatMap(({ position, weights_from: weights, features_from: features }) =>
    [weights, features].filter((from) => from !== null).map((from) => position - from),
  );
  return Math.max(1, ...spans);
}

/** Height to leave for the arcs of one kind: none when nothing is shared. */
function room(livs, from, form) {
  const spans = livs.filter((liv) => liv[from] !== null).map((liv) => liv.position - liv[from]);
  return spans.length ? rise(Math.max(...spans), form) + 3 : 0;
}

function rise(span, form) {
  return form.arc * (0.35 + 0.65 * (span / form.longest));
}

function weightsArc(liv, form, y) {
  if (liv.weights_from === null) return null;
  const says = `LIV ${liv.position + 1} shares the featurizer weights of LIV ${liv.weights_from + 1}`;
  return arc(liv, liv.weights_from, "weights", form, y - 1.5, -1, says);
}

function featuresArc(liv, form, y) {
  if (liv.features_from === null) return null;
  const groups = liv.taken.length ? liv.taken.join(", ") : "features";
  const says = `LIV ${liv.position + 1} takes ${groups} from LIV ${liv.features_from + 1}`;
  return arc(liv, liv.features_from, "features", form, y + 1.5, 1, says);
}

function arc(liv, from, kind, form, y, direction, says) {
  const centre = (position) => position * (form.width + form.gap) + form.width / 2;
  const [start, end] = [centre(from), centre(liv.position)];
  // A cubic reaches three quarters of the way to its control points.
  const control = y + (direction * rise(liv.position - from, form) * 4) / 3;
  return svg(
    "g",
    { class: `link link-${kind}`, "data-from": from, "data-to": liv.position },
    svg("title", {}, says),
    svg("path", { d: `M${start} ${y}C${start} ${control} ${end} ${control} ${end} ${y}` }),
    form.names !== "none" && svg("circle", { cx: end, cy: y, r: 2.5 }),
    form.arc > 20 && liv.taken.length && kind === "features"
      ? svg(
          "text",
          { x: (start + end) / 2, y: y + rise(liv.position - from, form) - 5, "text-anchor": "middle" },
          liv.taken.join(" "),
        )
      : null,
  );
}

/** Every drawing carries its own patterns: ids are looked up in the page, and equal ones are the same. */
function patterns() {
  return svg(
    "defs",
    {},
    svg(
      "pattern",
      { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch-line" }),
    ),
    svg(
      "pattern",
      { id: "dots", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      svg("circle", { cx: 3, cy: 3, r: 1, class: "dot" }),
    ),
  );
}
