// The parents and the children of a candidate, with the LIVs that differ from it in colour.

import { candidatePage, comparePage } from "../parts/api.js";
import { sameLiv } from "../genome/blueprint.js";
import { el } from "../parts/dom.js";
import { plural } from "../parts/format.js";
import { drawGenome } from "../genome/genome.js";

/**
 * The parents or the children, each drawn with the LIVs that equal the candidate's in grey.
 * @param {{number: number, genome: string, variation: string}[]} relatives
 * @param {number} total number of all relatives, of which some may be left out
 * @param {string} none text for an empty list
 */
export function family(relatives, total, none, { jobId, number, own, read }) {
  if (relatives.length === 0) return el("p", { class: "small" }, none);
  const shown = relatives.map((relative) => {
    const livs = read(relative.genome);
    const changed = Math.max(livs.length, own.length) - livs.filter((liv, n) => sameLiv(liv, own[n])).length;
    return el(
      "li",
      { "data-relative": relative.number },
      el("a", { href: candidatePage(jobId, relative.number) }, `Candidate ${relative.number}`),
      el(
        "span",
        { class: "small" },
        changed ? `${plural(changed, "LIV")} differ${changed === 1 ? "s" : ""}` : "the same LIVs",
      ),
      el("a", { class: "small", href: comparePage(jobId, relative.number, number) }, "Compare"),
      drawGenome(livs, "card", own),
    );
  });
  const more = total - shown.length;
  return [el("ul", { class: "family" }, shown), more > 0 && el("p", { class: "small" }, `and ${more} more`)];
}
