// The ranges of metrics that a person has selected, in the page's address, and the candidates that lie in all of them.

import { readAddress, writeAddress } from "../parts/address.js";

const BETWEEN = "~";

/**
 * Ranges by metric. An end that is null is open.
 * @typedef {Object<string, [number|null, number|null]>} Ranges
 */

/** The ranges that the page's address names. */
export function readRanges() {
  const ranges = {};
  for (const part of (readAddress().ranges ?? "").split(",").filter(Boolean)) {
    const [name, low, high] = part.split(BETWEEN);
    ranges[name] = [low, high].map((end) => (end && Number.isFinite(Number(end)) ? Number(end) : null));
  }
  return ranges;
}

/** Write ranges to the page's address. */
export function writeRanges(ranges) {
  const parts = Object.entries(ranges).map(([name, ends]) => [name, ...ends.map((end) => end ?? "")].join(BETWEEN));
  writeAddress({ ranges: parts.length > 0 ? parts.join(",") : null });
}

/**
 * Which rows lie in all ranges, 1 or 0 for each; null while no range is selected.
 * @param {import("../job/points.js").Points} points
 * @param {Ranges} ranges
 * @returns {Uint8Array|null}
 */
export function insideOf(points, ranges) {
  const names = Object.keys(ranges).filter((name) => name in points.columns.metrics);
  if (names.length === 0) return null;
  const inside = new Uint8Array(points.size).fill(1);
  for (const name of names) {
    const values = points.columns.metrics[name];
    const [low, high] = [ranges[name][0] ?? -Infinity, ranges[name][1] ?? Infinity];
    for (let row = 0; row < points.size; row += 1) {
      const value = values[row] ?? null;
      if (value === null || value < low || value > high) inside[row] = 0;
    }
  }
  return inside;
}
