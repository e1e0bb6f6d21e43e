// All candidates of a job in columns, updated by events without reading them again.

import { scaled } from "../parts/format.js";

/**
 * @typedef {{number: number[], state: string[], frontier: boolean[], feasible: boolean[],
 *   baseline: (string|null)[], variation: string[], genome: string[], failure: (string|null)[],
 *   tokens: number[], seeds: number[], outcome: (number|null)[],
 *   metrics: Object<string, (number|null)[]>}} Columns
 */

// The origins of genomes that are worth a word beside a candidate's number.
const NAMED = new Set(["given", "injected", "stack", "alternating stack"]);

/** The state of a candidate that has no outcome yet in a past that is shown. */
export const LATER = "later";

/** The training tokens of a plan's whole budget. */
export function wholeBudget({ budget }) {
  return budget.steps * budget.batch * budget.length;
}

/** The trainings behind a candidate's metrics, in words. */
export function trainedOn({ tokens, seeds }, full) {
  const part = tokens < full ? `${scaled(tokens)} of ${scaled(full)} tokens` : `${scaled(tokens)} tokens`;
  return seeds > 1 ? `mean of ${seeds} seeds, ${part} each` : `one seed, ${part}`;
}

/** The columns of `GET /v1/jobs/{id}/points`, with their rows found by candidate number. */
export class Points {
  /**
   * @param {Columns} columns
   * @param {number} done candidates that had an outcome when they were read
   * @param {number} full training tokens of the whole budget
   */
  constructor(columns, done, full) {
    this.columns = columns;
    this.done = done;
    this.full = full;
    /** The points of the present, which these show the past of, or these themselves. */
    this.present = this;
  }

  /** The number of candidates. */
  get size() {
    return this.columns.number.length;
  }

  /** The row of a candidate, or undefined. Rows are in order of number. */
  row(number) {
    const numbers = this.columns.number;
    let [low, high] = [0, numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] < number) low = middle + 1;
      else high = middle;
    }
    return numbers[low] === number ? low : undefined;
  }

  /** The values of a metric, null or nothing where a row has none; `number` counts as one so that it can be an axis. */
  column(name) {
    return name === "number" ? this.columns.number : (this.columns.metrics[name] ?? []);
  }

  /** A metric of a row, or null. */
  value(name, row) {
    return this.column(name)[row] ?? null;
  }

  /** All metrics of a row by name. */
  metrics(row) {
    const known = Object.entries(this.columns.metrics).filter(([, values]) => (values[row] ?? null) !== null);
    return Object.fromEntries(known.map(([name, values]) => [name, values[row]]));
  }

  /** The origin of a row that is no child and no sample: the name of its baseline, or a word; else null. */
  origin(row) {
    const { baseline, variation } = this.columns;
    return baseline[row] ?? (NAMED.has(variation[row]) ? variation[row] : null);
  }

  /** Whether a row has its metrics from a training on a part of the budget. */
  onLowerRung(row) {
    const { state, tokens } = this.columns;
    return state[row] === "succeeded" && tokens[row] < this.full;
  }

  /** The trainings behind the metrics of a row, in words; empty before it was trained. */
  trainings(row) {
    const { tokens, seeds, state } = this.columns;
    return state[row] === "succeeded" ? trainedOn({ tokens: tokens[row], seeds: seeds[row] }, this.full) : "";
  }

  /** Rows for which `test(row)` holds. */
  select(test) {
    const found = [];
    for (let row = 0; row < this.size; row += 1) if (test(row)) found.push(row);
    return found;
  }

  /** The place of the last outcome; 0 before the first one. */
  get lastOutcome() {
    return this.columns.outcome.reduce((last, place) => Math.max(last, place ?? 0), 0);
  }

  /**
   * The points as they were after so many outcomes. Candidates without an outcome then have the state `later`.
   * @param {number} outcomes
   * @param {Set<number>} members rows that were on the frontier then
   */
  after(outcomes, members) {
    const { outcome, state } = this.columns;
    const past = { state: state.slice(), frontier: new Array(this.size).fill(false) };
    for (let row = 0; row < this.size; row += 1) {
      if ((outcome[row] ?? Infinity) > outcomes) past.state[row] = LATER;
    }
    for (const row of members) past.frontier[row] = true;
    const points = new Points({ ...this.columns, ...past }, this.done, this.full);
    points.present = this;
    return points;
  }

  /** Rows on the frontier. */
  frontier() {
    return this.select((row) => this.columns.frontier[row]);
  }

  /**
   * Apply a `candidate` event. A candidate that has ended stays as it is, because a stream may begin with old events.
   * @returns {number|null} the candidate's number if the event ended its first training
   */
  candidate(event) {
    const row = this.row(event.number) ?? this.#append(event);
    const { state, failure, feasible, frontier } = this.columns;
    if (row === null || state[row] !== "running" || event.state === "running") return null;
    state[row] = event.state;
    failure[row] = event.failure ?? null;
    feasible[row] = event.feasible ?? false;
    frontier[row] = event.frontier ?? false;
    this.columns.tokens[row] = event.tokens ?? 0;
    this.columns.seeds[row] = event.seeds ?? 0;
    this.columns.outcome[row] = event.outcome ?? null;
    this.#measure(row, event.metrics);
    return event.number;
  }

  /** Apply a `frontier` event, which names the candidates that entered and that left. */
  standing(event) {
    if (event.done <= this.done) return;
    this.done = event.done;
    for (const number of event.entered ?? []) this.#mark(number, true);
    for (const number of event.left ?? []) this.#mark(number, false);
  }

  #measure(row, values = {}) {
    const { metrics } = this.columns;
    for (const [name, value] of Object.entries(values)) {
      metrics[name] ??= new Array(this.size).fill(null);
      metrics[name][row] = value;
    }
  }

  #mark(number, on) {
    const row = this.row(number);
    if (row !== undefined) this.columns.frontier[row] = on;
  }

  #append(event) {
    if (!event.genome) return null;
    const { columns } = this;
    const row = columns.number.push(event.number) - 1;
    const { genome, variation, baseline = null } = event;
    const fresh = { state: "running", frontier: false, feasible: false, failure: null };
    const untrained = { tokens: 0, seeds: 0, outcome: null };
    const values = { ...fresh, ...untrained, genome, variation, baseline };
    for (const [name, value] of Object.entries(values)) columns[name].push(value);
    for (const column of Object.values(columns.metrics)) column.push(null);
    this.#measure(row, event.metrics);
    return row;
  }
}
