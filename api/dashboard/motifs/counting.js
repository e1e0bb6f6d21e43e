// Counting what genomes have in common: classes over time, neighbouring classes, and links by which LIVs share.

const WINDOWS = 24;
const Z = 1.96; // of an interval of 95 %

/** Candidates on the frontier below which a motif has no ratio. */
export const FEWEST = 5;

/** How the motifs of each kind are found in a genome. */
const KINDS = {
  pairs: (livs) => neighbours(livs, 2),
  triples: (livs) => neighbours(livs, 3),
  links: sharing,
};

/**
 * The motifs on the frontier, against all candidates that succeeded, each candidate counted once for a motif.
 * @typedef {{key: string, best: number, all: number, ratio: ?number, low: ?number, high: ?number}} Motif
 *   `best` and `all` are candidates with the motif; `ratio` is that of its shares, with an interval of 95 %
 * @param {{genomes: string[], best: Uint8Array, outcomes: Int32Array}} candidates that succeeded
 * @returns {{best: number, all: number, windows: {from: number, to: number}[],
 *   classes: {id: number, shares: number[], best: number}[], pairs: Motif[], triples: Motif[], links: Motif[]}}
 */
export function counted({ genomes, best, outcomes }) {
  const livs = genomes.map(parsed);
  const members = livs.filter((_, n) => best[n]);
  const found = Object.entries(KINDS).map(([kind, of]) => [kind, motifs(of, members, livs)]);
  return { best: members.length, all: livs.length, ...overTime(livs, outcomes, members), ...Object.fromEntries(found) };
}

/** The class of each LIV, and the groups by which it shares weights and features; 0 for none. */
function parsed(genome) {
  const livs = [];
  for (const segment of genome.split("-")) {
    const [id, weights, weightsStrategy, features, featuresStrategy] = segment.split(".").map(Number);
    if (id === 0) continue;
    livs.push({
      id,
      weights: weightsStrategy === 1 ? 0 : weights,
      features: featuresStrategy === 1 ? 0 : features,
    });
  }
  return livs;
}

function neighbours(livs, length) {
  const found = new Set();
  for (let n = 0; n + length <= livs.length; n += 1) {
    found.add(
      livs
        .slice(n, n + length)
        .map(({ id }) => id)
        .join("-"),
    );
  }
  return found;
}

/** Links from the first LIV of a group to each later one, by both classes and their distance. */
function sharing(livs) {
  const found = new Set();
  for (const what of ["weights", "features"]) {
    const owners = new Map();
    livs.forEach((liv, at) => {
      const group = liv[what];
      if (group === 0) return;
      if (owners.has(group)) found.add(`${what}:${livs[owners.get(group)].id}-${liv.id}:${at - owners.get(group)}`);
      else owners.set(group, at);
    });
  }
  return found;
}

function motifs(of, members, livs) {
  const counts = new Map();
  for (const one of members) {
    for (const key of of(one)) counts.set(key, { best: (counts.get(key)?.best ?? 0) + 1, all: 0 });
  }
  for (const one of counts.size > 0 ? livs : []) {
    for (const key of of(one)) {
      const count = counts.get(key);
      if (count) count.all += 1;
    }
  }
  const rows = [...counts].map(([key, count]) => ({ key, ...count, ...compared(count, members.length, livs.length) }));
  return rows.sort((a, b) => (b.low ?? -1) - (a.low ?? -1) || b.best - a.best || (a.key < b.key ? -1 : 1));
}

/** The share on the frontier over the share of all, with Wilson's interval of the first. */
function compared({ best, all }, bestTotal, allTotal) {
  if (best < FEWEST) return { ratio: null, low: null, high: null };
  const [share, base] = [best / bestTotal, all / allTotal];
  const square = (Z * Z) / bestTotal;
  const centre = (share + square / 2) / (1 + square);
  const half = Math.sqrt((share * (1 - share) + square / 4) * square) / (1 + square);
  return { ratio: share / base, low: (centre - half) / base, high: (centre + half) / base };
}

/** The share of each class among the LIVs of windows of equally many candidates, in the order of outcomes. */
function overTime(livs, outcomes, members) {
  const order = livs.map((_, n) => n).sort((a, b) => outcomes[a] - outcomes[b]);
  const size = Math.ceil(order.length / WINDOWS);
  const parts = [];
  for (let n = 0; n < order.length; n += size) parts.push(order.slice(n, n + size));
  const shares = parts.map((part) => sharesOf(part.map((n) => livs[n])));
  const best = sharesOf(members);
  const total = sharesOf(livs);
  return {
    windows: parts.map((part) => ({ from: outcomes[part[0]], to: outcomes[part.at(-1)] })),
    classes: [...total.keys()]
      .sort((a, b) => total.get(b) - total.get(a))
      .map((id) => ({ id, shares: shares.map((share) => share.get(id) ?? 0), best: best.get(id) ?? 0 })),
  };
}

function sharesOf(genomes) {
  const counts = new Map();
  let total = 0;
  for (const livs of genomes) {
    for (const { id } of livs) counts.set(id, (counts.get(id) ?? 0) + 1);
    total += livs.length;
  }
  return new Map([...counts].map(([id, count]) => [id, count / total]));
}
