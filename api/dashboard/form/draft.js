// The plan being edited in the form: a copy of a preset, the changes made to it, and its sections in a few words.

import { percent, plural } from "../parts/format.js";
import { metric } from "../parts/metrics.js";

/** The algorithms of a search, in words. */
export const ALGORITHMS = {
  surrogate: "surrogate model",
  nsga2: "NSGA-II",
  star: "generations of STAR",
  aging: "aging evolution",
  random: "random sampling",
};

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

/** The fields of `plan` that differ from `preset`, as the API takes them. A task of another kind is sent whole. */
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

/** The declaration of a plan's task, among the tasks of `/v1/presets`. */
export function declaration(plan, tasks) {
  return tasks.find(({ kind }) => kind === plan.task.kind);
}

/** The number of different tokens in a plan's task. */
export function vocabOf(plan, tasks) {
  const { vocabulary } = declaration(plan, tasks);
  return plan.task[vocabulary] ?? vocabulary;
}

/** Replace the plan's task by the default one of another kind. The score's objective and limit are replaced too. */
export function changeTask(plan, tasks, kind) {
  const before = declaration(plan, tasks).metric;
  plan.task = structuredClone(tasks.find((task) => task.kind === kind).defaults);
  const after = declaration(plan, tasks).metric;
  plan.objectives = plan.objectives.map((name) => (name === before ? after : name));
  plan.constraints = plan.constraints.filter((constraint) => constraint.metric !== before);
}

/** Each section of the form in a few words. */
export const IN_SHORT = {
  task: (plan, tasks) => declaration(plan, tasks).brief.replace(/\{(\w+)\}/g, (_, name) => plan.task[name]),
  objectives: ({ objectives, constraints }) =>
    objectives.map((name) => metric(name).label.toLowerCase()).join(", ") +
    (constraints.length ? `; ${plural(constraints.length, "limit")}` : ""),
  search: ({ algorithm, stacks, rungs, finish }) =>
    (ALGORITHMS[algorithm] ?? algorithm) +
    (stacks ? `, ${percent(stacks, 0)} stacks at the start` : "") +
    (rungs.tokens.length ? `, ${plural(rungs.tokens.length, "lower rung")}` : "") +
    (finish.seeds ? `, honest finish with ${plural(finish.seeds, "seed")}` : ""),
  budget: ({ candidates, budget }) => `${plural(candidates, "candidate")}, ${plural(budget.steps, "step")} each`,
  course: ({ stop, lag, warm_start: earlier, inherit }) =>
    [
      Object.values(stop).some((limit) => limit !== null) && "with rules to stop",
      lag !== null && "in a fixed order",
      earlier !== null && "from an earlier search",
      inherit && "with inherited weights",
    ]
      .filter(Boolean)
      .join(", ") || "until all candidates are trained",
  genomes: ({ genomes }) =>
    genomes.length ? `${plural(genomes.length, "genome")} trained first` : "none; a pasted one shows its drawing and cost",
  space: ({ space, width }) => `${plural(space.depth, "LIV")} of ${allowed(space.classes)}, width ${width}`,
};

function allowed(classes) {
  if (classes === null) return "all classes";
  return classes.length === 1 ? classes[0] : `${classes.length} classes`;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
