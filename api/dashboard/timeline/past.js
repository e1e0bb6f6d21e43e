// The frontier as it was after each outcome, computed from the order of outcomes and from the metrics of today.

const SLICE_MS = 12;

/** The past of one search. It is computed once, in pieces, and again only for outcomes that came later. */
export class Past {
  /** @param {string[]} objectives all of which are minimised */
  constructor(objectives) {
    this.objectives = objectives;
  }

  /**
   * The points as they were after so many outcomes.
   * @param {import("../job/points.js").Points} points
   * @param {number} outcomes
   * @returns {Promise<import("../job/points.js").Points>}
   */
  async after(points, outcomes) {
    if (this.points !== points || outcomes > this.known) {
      Object.assign(this, { points, known: points.lastOutcome, changes: frontiers(points, this.objectives) });
    }
    const members = new Set();
    for (const { outcome, entered, left } of await this.changes) {
      if (outcome > outcomes) break;
      members.add(entered);
      for (const row of left) members.delete(row);
    }
    return points.after(outcomes, members);
  }
}

/** The changes of the frontier in the order of outcomes. Of candidates with equal objectives the first is on it. */
async function frontiers(points, objectives) {
  const { outcome, feasible, state } = points.columns;
  const columns = objectives.map((name) => points.columns.metrics[name] ?? []);
  const competes = (row) =>
    state[row] === "succeeded" &&
    feasible[row] &&
    !points.onLowerRung(row) &&
    (outcome[row] ?? null) !== null &&
    columns.every((values) => (values[row] ?? null) !== null);
  const rows = points.select(competes).sort((a, b) => outcome[a] - outcome[b]);
  const noWorse = (one, other) => columns.every((values) => values[one] <= values[other]);
  const changes = [];
  let members = [];
  let began = performance.now();
  for (const row of rows) {
    if (performance.now() - began > SLICE_MS) {
      await new Promise((done) => setTimeout(done));
      began = performance.now();
    }
    const better = members.findIndex((member) => noWorse(member, row));
    if (better >= 0) {
      members.unshift(...members.splice(better, 1)); // it is likely to be better than the next one too
      continue;
    }
    const left = members.filter((member) => noWorse(row, member));
    members = [row, ...members.filter((member) => !left.includes(member))];
    changes.push({ outcome: outcome[row], entered: row, left });
  }
  return changes;
}
