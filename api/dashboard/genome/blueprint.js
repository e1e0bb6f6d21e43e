// Functions that decode a genome's text into the LIVs of a drawing, and compare two genomes.

const STRUCTURES = { 1: "diagonal", 2: "low_rank", 3: "toeplitz", 4: "semi_separable", 5: "delta", 6: "memory_cell" };
const SPARSITIES = { 2: "banded", 3: "routed" };

/**
 * One LIV as it is drawn; the server's blueprints have the same fields.
 * @typedef {{position: number, class_id: number, name: string, structure: string, banded: boolean, routed: boolean,
 *   differential: boolean, weights_from: number|null, features_from: number|null, taken: string[]}} Liv
 */

/**
 * Decode a canonical genome with a job's own table of classes.
 * @param {string} text
 * @param {{id: number, name: string, digits: number[], differential: boolean}[]} classes
 * @returns {Liv[]}
 */
export function readGenome(text, classes) {
  const table = new Map(classes.map((row) => [row.id, row]));
  const owners = { weights: new Map(), features: new Map() };
  const segments = text.split("-").map((part) => part.split(".").map(Number));
  return segments
    .filter(([id]) => id !== 0)
    .map(([id, weightsGroup, weightsStrategy, featuresGroup, featuresStrategy], position) => ({
      position,
      ...described(id, table.get(id)),
      weights_from: owner(owners.weights, weightsGroup, weightsStrategy, position),
      features_from: owner(owners.features, featuresGroup, featuresStrategy, position),
      taken: [],
      features_strategy: featuresStrategy,
    }));
}

function described(id, row) {
  const [, mixing, sparsity] = row?.digits ?? [];
  return {
    class_id: id,
    name: row?.name ?? `class ${id}`,
    structure: STRUCTURES[mixing] ?? "unknown",
    banded: SPARSITIES[sparsity] === "banded",
    routed: SPARSITIES[sparsity] === "routed",
    differential: row?.differential ?? false,
  };
}

function owner(owners, group, strategy, position) {
  if (strategy === 1) return null;
  if (owners.has(group)) return owners.get(group);
  owners.set(group, position);
  return null;
}

/** Whether two LIVs have the same class and share with LIVs at the same positions. */
export function sameLiv(one, other) {
  const fields = ["class_id", "weights_from", "features_from", "features_strategy"];
  return Boolean(one && other) && fields.every((field) => one[field] === other[field]);
}

/** A blueprint in words, for screen readers. */
export function inWords(livs) {
  const links = livs.flatMap((liv) => [
    liv.weights_from !== null && `LIV ${liv.position + 1} shares the weights of LIV ${liv.weights_from + 1}`,
    liv.features_from !== null && `LIV ${liv.position + 1} takes features from LIV ${liv.features_from + 1}`,
  ]);
  return [livs.map((liv) => liv.name).join(", "), ...links.filter(Boolean)].join("; ");
}
