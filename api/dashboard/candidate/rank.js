// The rank of a candidate, for each metric, among the candidates of its job that were trained on as many tokens.

/**
 * The rank of a candidate by one metric, or null if the candidate has no value or did not succeed.
 * @param {import("../job/points.js").Columns} columns
 * @returns {{place: number, of: number}|null} 1 is best; equal values share the better place
 */
export function rank(columns, name, number) {
  const row = columns.number.indexOf(number);
  const values = columns.metrics[name] ?? [];
  const own = values[row] ?? null;
  if (own === null || columns.state[row] !== "succeeded") return null;
  const alike = (other) => columns.state[other] === "succeeded" && columns.tokens[other] === columns.tokens[row];
  const measured = values.filter((value, other) => value !== null && alike(other));
  return { place: 1 + measured.filter((value) => value < own).length, of: measured.length };
}

/** A rank as an ordinal: 1st, 2nd, 3rd, 11th. */
export function ordinal(place) {
  const ending = { 1: "st", 2: "nd", 3: "rd" }[place % 10] ?? "th";
  return `${place}${[11, 12, 13].includes(place % 100) ? "th" : ending}`;
}
