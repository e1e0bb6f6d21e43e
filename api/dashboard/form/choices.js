// The form's choices among named things: the preset, the task, the objectives with their limits, the LIV classes.

import { changeTask, IN_SHORT } from "./draft.js";
import { el } from "../parts/dom.js";
import { metric } from "../parts/metrics.js";

const LIMITS = { at_least: "At least", at_most: "At most" };

/** Cards to choose a preset from. */
export function presetChoice(presets, chosen, choose) {
  const cards = Object.entries(presets).map(([name, plan]) =>
    card("preset", name, name, `${IN_SHORT.budget(plan)}; ${IN_SHORT.space(plan)}`, name === chosen, choose),
  );
  return el("fieldset", { class: "cards", "data-path": "preset" }, el("legend", {}, "Start from"), cards, fault());
}

/**
 * Cards to choose a task from.
 * @param {Object[]} tasks the tasks of `/v1/presets`
 */
export function taskChoice(plan, tasks, changed) {
  const choose = (kind) => {
    changeTask(plan, tasks, kind);
    changed();
  };
  const cards = tasks.map(({ kind, title, summary }) =>
    card("task", kind, title, summary, kind === plan.task.kind, choose),
  );
  return el(
    "fieldset",
    { class: "cards", "data-path": "task" },
    el("legend", { class: "hidden-text" }, "Task"),
    cards,
    fault(),
  );
}

/**
 * A row per metric: whether it is an objective, its limits, and whether it is measured though it is neither.
 * @param {string[]} names the metrics the plan's task reports
 * @param {number} most the largest number of objectives
 */
export function objectiveChoice(plan, names, most, changed) {
  const rows = names.map((name) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, metric(name).objective ? objective(plan, name, most, changed) : metric(name).label),
      Object.keys(LIMITS).map((bound) => el("td", {}, metric(name).limited && limit(plan, name, bound, changed))),
      el("td", {}, metric(name).onRequest && measure(plan, name, changed)),
    ),
  );
  const heads = ["Minimise", ...Object.values(LIMITS), "Measure"].map((text) => el("th", { scope: "col" }, text));
  const head = el("tr", {}, heads);
  return el(
    "div",
    { class: "field wide", "data-path": "objectives" },
    el("table", { class: "objectives" }, el("thead", {}, head), el("tbody", {}, rows)),
    fault(),
    el("div", { "data-path": "constraints" }, fault()),
    el("div", { "data-path": "measure" }, fault()),
  );
}

/** A checkbox for each LIV class of the catalogue. */
export function classChoice(plan, catalogue, changed) {
  const chosen = new Set(plan.space.classes ?? catalogue.map((row) => row.name));
  const place = el("fieldset", { class: "classes", "data-path": "space.classes" }, el("legend", {}, "Classes"));
  const toggle = (name, on) => {
    chosen[on ? "add" : "delete"](name);
    const kept = catalogue.map((row) => row.name).filter((known) => chosen.has(known));
    plan.space.classes = kept.length === catalogue.length ? null : kept;
    place.querySelector(".fault").textContent = kept.length ? "" : "must name at least one class";
    changed();
  };
  const ticks = catalogue.map((row) => {
    const change = (event) => toggle(row.name, event.target.checked);
    const input = el("input", { type: "checkbox", checked: chosen.has(row.name), on: { change } });
    const swatch = el("span", { class: `swatch fill-${row.structure}` });
    return el("label", { title: row.description }, input, swatch, row.name);
  });
  place.append(el("div", { class: "ticks" }, ticks), fault());
  return place;
}

function card(group, value, title, more, checked, choose) {
  const input = el("input", { type: "radio", name: group, value, checked, on: { change: () => choose(value) } });
  return el("label", { class: "choice" }, input, el("span", {}, el("strong", {}, title), el("small", {}, more)));
}

function objective(plan, name, most, changed) {
  const input = el("input", { type: "checkbox", checked: plan.objectives.includes(name), name: `objective-${name}` });
  input.addEventListener("change", () => {
    plan.objectives = plan.objectives.filter((other) => other !== name).concat(input.checked ? [name] : []);
    const count = plan.objectives.length;
    const wrong = count < 1 || count > most ? `choose 1 to ${most} objectives` : "";
    input.closest("[data-path]").querySelector(".fault").textContent = wrong;
    changed();
  });
  return el("label", { class: "tick" }, input, metric(name).label);
}

function measure(plan, name, changed) {
  const label = `Measure ${metric(name).label.toLowerCase()}`;
  const input = el("input", { type: "checkbox", checked: plan.measure.includes(name), "aria-label": label });
  input.addEventListener("change", () => {
    plan.measure = plan.measure.filter((other) => other !== name).concat(input.checked ? [name] : []);
    changed();
  });
  return input;
}

function limit(plan, name, bound, changed) {
  const old = plan.constraints.find((constraint) => constraint.metric === name)?.[bound] ?? "";
  const label = `${metric(name).label} ${LIMITS[bound].toLowerCase()}`;
  const { unit } = metric(name);
  const placeholder = unit ? `no limit (${unit})` : "no limit";
  const input = el("input", { type: "number", step: "any", value: old, placeholder, "aria-label": label });
  input.addEventListener("input", () => {
    const value = Number(input.value);
    const wrong = input.value !== "" && !(value > 0);
    setLimit(plan, name, bound, input.value === "" || wrong ? null : value);
    input.closest("[data-path]").querySelector("[data-path='constraints'] .fault").textContent = wrong
      ? `${label}: must be a number above 0, or empty`
      : "";
    changed();
  });
  return input;
}

/** Set or remove one limit of a metric; a metric without limits has no constraint. */
function setLimit(plan, name, bound, value) {
  const others = plan.constraints.filter((constraint) => constraint.metric !== name);
  const old = plan.constraints.find((constraint) => constraint.metric === name);
  const limits = { ...old, metric: name, [bound]: value };
  const limited = Object.keys(LIMITS).some((key) => (limits[key] ?? null) !== null);
  plan.constraints = limited ? [...others, limits] : others;
}

function fault() {
  return el("p", { class: "fault", role: "alert" });
}
