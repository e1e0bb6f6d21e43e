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
  const count = Math.max(livs.length, against?.length ?? 0); // two that are compared have blocks of one size
  const sizes = { ...sizesFor(size, count), longest: longestSpan(livs) };
  const above = room(livs, "weights_from", sizes);
  const below = room(livs, "features_from", sizes);
  const width = Math.max(1, livs.length * (sizes.width + sizes.gap) - sizes.gap) + 2;
  const height = above + sizes.height + below + 2;
  const attributes = {
    class: `genome genome-${size}`,
    role: "img",
    width,
    height,
    viewBox: `-1 -1 ${width} ${height}`,
  };
  const links = livs.flatMap((liv) => [weightsArc(liv, sizes, above), featuresArc(liv, sizes, above + sizes.height)]);
  return svg(
    "svg",
    { ...attributes, "aria-label": `Genome: ${inWords(livs)}` },
    livs.some((liv) => liv.banded || liv.routed) && patterns(),
    livs.map((liv, n) => block(liv, sizes, above, against !== null && sameLiv(liv, against[n]))),
    links,
  );
}

/** The key to the drawing: hues, marks and arcs. */
export function genomeLegend() {
  const entries = Object.entries(STRUCTURE_WORDS).map(([structure, text]) =>
    el("li", {}, el("span", { class: `swatch fill-${structure}` }), text),
  );
  return el(
    "ul",
    { class: "legend" },
    entries,
    el("li", {}, el("span", { class: "swatch swatch-differential" }), "differential"),
    el("li", {}, el("span", { class: "swatch swatch-banded" }), "banded"),
    el("li", {}, el("span", { class: "swatch swatch-routed" }), "routed"),
    el("li", {}, el("span", { class: "swatch-arc swatch-weights" }), "shared weights"),
    el("li", {}, el("span", { class: "swatch-arc swatch-features" }), "shared features"),
  );
}

/** The meaning of each hue. */
const STRUCTURE_WORDS = {
  low_rank: "low rank (attention)",
  semi_separable: "semi-separable (recurrence)",
  toeplitz: "Toeplitz (convolution)",
  delta: "delta rule",
  memory_cell: "memory cell (not linear)",
  diagonal: "diagonal (no memory)",
};

function sizesFor(size, count) {
  if (size === "inline") return INLINE;
  if (size === "card") return count <= MOST_CARD_NAMES ? CARD : { ...CARD, ...INLINE, width: 12, height: 34, arc: 12 };
  const fits = count * (WIDE.width + WIDE.gap) <= Math.min(1240, document.documentElement.clientWidth) - AROUND;
  return fits ? WIDE : TALL;
}

function block(liv, sizes, top, faded) {
  const left = liv.position * (sizes.width + sizes.gap);
  const box = { x: left, y: top, width: sizes.width, height: sizes.height, rx: sizes.corner };
  const kind = `block fill-${liv.structure}${faded ? " same" : ""}`;
  const inner = Math.max(1.5, sizes.corner / 2);
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
        width: sizes.width - 2 * inner,
        height: sizes.height - 2 * inner,
        rx: Math.max(1, sizes.corner - inner),
      }),
    label(liv, sizes, left + sizes.width / 2, top + sizes.height / 2),
  );
}

function describe(liv) {
  const marks = [liv.differential && "differential", liv.banded && "banded", liv.routed && "routed"].filter(Boolean);
  return [`LIV ${liv.position + 1}: ${liv.name}`, STRUCTURE_WORDS[liv.structure] ?? liv.structure, ...marks].join(", ");
}

function label(liv, sizes, x, y) {
  if (sizes.names === "none") return null;
  const turned = sizes.names === "upright" ? `rotate(-90 ${x} ${y})` : null;
  const at = {
    x,
    y,
    "font-size": sizes.letters,
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
function room(livs, from, sizes) {
  const spans = livs.filter((liv) => liv[from] !== null).map((liv) => liv.position - liv[from]);
  return spans.length ? rise(Math.max(...spans), sizes) + 3 : 0;
}

function rise(span, sizes) {
  return sizes.arc * (0.35 + 0.65 * (span / sizes.longest));
}

function weightsArc(liv, sizes, y) {
  if (liv.weights_from === null) return null;
  const text = `LIV ${liv.position + 1} shares the featurizer weights of LIV ${liv.weights_from + 1}`;
  return arc(liv, liv.weights_from, "weights", sizes, y - 1.5, -1, text);
}

function featuresArc(liv, sizes, y) {
  if (liv.features_from === null) return null;
  const groups = liv.taken.length ? liv.taken.join(", ") : "features";
  const text = `LIV ${liv.position + 1} takes ${groups} from LIV ${liv.features_from + 1}`;
  return arc(liv, liv.features_from, "features", sizes, y + 1.5, 1, text);
}

function arc(liv, from, kind, sizes, y, direction, text) {
  const centre = (position) => position * (sizes.width + sizes.gap) + sizes.width / 2;
  const [start, end] = [centre(from), centre(liv.position)];
  // The middle of a cubic Bézier curve lies at three quarters of the way to its control points.
  const control = y + (direction * rise(liv.position - from, sizes) * 4) / 3;
  return svg(
    "g",
    { class: `link link-${kind}`, "data-from": from, "data-to": liv.position },
    svg("title", {}, text),
    svg("path", { d: `M${start} ${y}C${start} ${control} ${end} ${control} ${end} ${y}` }),
    sizes.names !== "none" && svg("circle", { cx: end, cy: y, r: 2.5 }),
    sizes.arc > 20 && liv.taken.length && kind === "features"
      ? svg(
          "text",
          { x: (start + end) / 2, y: y + rise(liv.position - from, sizes) - 5, "text-anchor": "middle" },
          liv.taken.join(" "),
        )
      : null,
  );
}

/** The patterns of banded and routed blocks. Each drawing holds a copy; all copies are equal. */
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
