// The plan being written in the form: a preset's copy, what was changed in it, and its say in a sentence.

import { plural } from "../parts/format.js";
import { metric } from "../parts/metrics.js";

/** The value at a dotted path. */
export function valueAt(plan, path) {
  return path.split(".").reduce((node, name) => node?.[name], plan);
}

/** Set the value at a dotted path. */
export function setAt(plan, path, value) {
  const names = path.split(".");
  const last = names.pop();
  names.reduce((node, name) => node[name], plan)[last] = value;
}

/** The fields of `plan` that differ from `preset`, as the API takes them. A task of another kind goes whole. */
export function changes(plan, preset) {
  const result = {};
  for (const [name, value] of Object.entries(plan)) {
    const old = preset[name];
    if (JSON.stringify(value) === JSON.stringify(old)) continue;
    const nested = isObject(value) && isObject(old) && value.kind === old.kind;
    result[name] = nested ? changes(value, old) : value;
  }
  return result;
}

/** The metric that says how good a candidate is at this task. */
export function qualityOf(task) {
  return task.kind === "recall" ? "recall_error" : "bits_per_byte";
}

/** The size of the alphabet a task speaks. */
export function vocabOf(task) {
  return task.kind === "recall" ? task.symbols : 256;
}

/** Make the plan's task one of another kind; quality objectives and constraints follow it. */
export function changeTask(plan, task) {
  const [before, after] = [qualityOf(plan.task), qualityOf(task)];
  plan.task = task;
  plan.objectives = plan.objectives.map((name) => (name === before ? after : name));
  plan.constraints = plan.constraints.filter((constraint) => constraint.metric !== before);
}

/** Each section of the form in a few words. */
export const IN_SHORT = {
  task: ({ task }) =>
    task.kind === "text" ? `text from ${task.corpus}` : `recall of ${task.pairs} pairs among ${task.symbols} symbols`,
  objectives: ({ objectives, constraints }) =>
    objectives.map((name) => metric(name).label.toLowerCase()).join(", ") +
    (constraints.length ? `; ${plural(constraints.length, "limit")}` : ""),
  budget: ({ candidates, budget }) => `${plural(candidates, "candidate")}, ${plural(budget.steps, "step")} each`,
  space: ({ space, width }) => `${plural(space.depth, "LIV")} of ${allowed(space.classes)}, width ${width}`,
};

function allowed(classes) {
  if (classes === null) return "all classes";
  return classes.length === 1 ? classes[0] : `${classes.length} classes`;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
