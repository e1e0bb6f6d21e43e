// The fields of the form for a new search. A row declares each field; the kind of the row decides its input.

import { ALGORITHMS, setAt, valueAt } from "./draft.js";
import { el } from "../parts/dom.js";
import { words } from "../parts/format.js";
import { fieldSchema, numberFault, readNumbers } from "./schema.js";

/** The fields of each section, in the order of the form. */
export const FIELDS = {
  objectives: [],
  genomes: [],
  search: [
    { path: "algorithm", label: "Algorithm", kind: "choice", names: ALGORITHMS },
    { path: "stacks", label: "Share of one-class stacks at the start", kind: "number" },
    { path: "population", label: "Population", kind: "number" },
    { path: "seed", label: "Seed", kind: "number" },
    { path: "rungs.tokens", label: "Tokens of lower rungs", kind: "numbers" },
    { path: "rungs.promoted", label: "Share promoted", kind: "number" },
    { path: "repeats", label: "Share of repeats", kind: "number" },
    { path: "finish.seeds", label: "Seeds of the honest finish", kind: "number" },
    { path: "finish.members", label: "Members in the honest finish", kind: "number" },
    { path: "baselines", label: "Start from known architectures", kind: "flag" },
  ],
  budget: [
    { path: "candidates", label: "Candidates", kind: "number" },
    { path: "budget.steps", label: "Training steps", kind: "number" },
    { path: "budget.batch", label: "Batch", kind: "number" },
    { path: "budget.length", label: "Sequence length", kind: "number" },
    { path: "budget.optimizer", label: "Optimiser", kind: "choice" },
    { path: "budget.learning_rate", label: "Learning rate", kind: "number" },
    { path: "budget.base_width", label: "Width that the rate was chosen for", kind: "optional" },
    { path: "budget.rates", label: "Learning rates to try instead", kind: "numbers" },
    { path: "budget.warmup", label: "Warm-up steps", kind: "number" },
    { path: "budget.cooldown", label: "Cool-down share", kind: "number" },
    { path: "budget.seconds", label: "Seconds at most", kind: "number" },
    { path: "budget.checkpoint_activations", label: "Save memory: compute LIVs again", kind: "flag" },
    { path: "budget.deterministic", label: "The same bits each time", kind: "flag" },
  ],
  space: [
    { path: "space.depth", label: "LIVs", kind: "number" },
    { path: "width", label: "Width", kind: "number" },
    { path: "head_dim", label: "Head size", kind: "number" },
    { path: "context", label: "Cache context", kind: "number" },
    { path: "space.share_weights", label: "Weight sharing may evolve", kind: "flag" },
    { path: "space.share_features", label: "Feature sharing may evolve", kind: "flag" },
    { path: "space.allow_skip", label: "Depth may evolve", kind: "flag" },
  ],
  course: [
    { path: "stop.tokens", label: "Stop after training tokens", kind: "optional" },
    { path: "stop.seconds", label: "Stop after seconds", kind: "optional" },
    { path: "stop.stagnation", label: "Stop after stagnant outcomes", kind: "optional" },
    { path: "stop.failures", label: "Stop after failures in a row", kind: "optional" },
    { path: "lag", label: "Lag of a fixed order", kind: "optional" },
    { path: "warm_start", label: "Earlier search to go on from", kind: "optional" },
    { path: "inherit", label: "Children inherit weights", kind: "flag" },
  ],
};

const KIND_OF_TYPE = { integer: "number", number: "number", boolean: "flag", array: "json" };

/** A row for each field of a task declared by `/v1/presets`. */
export function taskFields(task) {
  return Object.entries(task.fields).map(([name, schema]) => ({
    path: `task.${name}`,
    label: schema.title,
    kind: schema.enum ? "choice" : schema.anyOf ? "optional" : (KIND_OF_TYPE[schema.type] ?? "text"),
    schema,
  }));
}

/**
 * One field: its label, its input and the place for its error.
 * @param {{path: string, label: string, kind: string, schema: ?Object, names: ?Object<string, string>}} row
 *   `names` are words for the values of a choice; a value without one is shown as it is
 * @param {Object} plan the draft the input writes to
 * @param {Object} schema the plan's JSON schema
 * @param {() => void} changed
 */
export function field(row, plan, schema, changed) {
  const known = row.schema ?? fieldSchema(schema, row.path);
  return KINDS[row.kind](row, plan, known, changed);
}

/** Show what is wrong with a field; an empty text removes the error. */
export function setFault(place, message) {
  const fault = place.querySelector(".fault");
  fault.textContent = message;
  const inputs = place.querySelectorAll("input, select, textarea");
  for (const input of inputs) input.setAttribute("aria-invalid", message !== "");
}

/** A labelled place for an input and its error, found again by `data-path`. */
export function labelled(path, label, input, hint = "") {
  const id = `field-${path.replaceAll(".", "-")}`;
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-fault`);
  return el(
    "div",
    { class: "field", "data-path": path },
    el("label", { for: id, title: hint || null }, label),
    input,
    el("p", { class: "fault", id: `${id}-fault`, role: "alert" }),
  );
}

const KINDS = {
  number(row, plan, known, changed) {
    const input = el("input", { type: "number", step: "any", value: valueAt(plan, row.path), required: true });
    const place = labelled(row.path, row.label, input, known.description);
    input.addEventListener("input", () => {
      const fault = numberFault(input.value, known);
      setFault(place, fault);
      if (!fault) setAt(plan, row.path, Number(input.value));
      changed();
    });
    return place;
  },
  optional(row, plan, known, changed) {
    const numeric = known.type !== "string";
    const input = el("input", {
      type: numeric ? "number" : "text",
      step: numeric ? "any" : null,
      value: valueAt(plan, row.path) ?? "",
      placeholder: "none",
      autocomplete: "off",
    });
    const place = labelled(row.path, row.label, input, known.description);
    input.addEventListener("input", () => {
      const text = input.value.trim();
      const unreadable = input.validity.badInput; // a number field hides what it cannot read
      const fault = numeric && (text || unreadable) ? numberFault(text, known) : "";
      setFault(place, fault);
      if (!fault) setAt(plan, row.path, text === "" ? null : numeric ? Number(text) : text);
      changed();
    });
    return place;
  },
  numbers(row, plan, known, changed) {
    const input = el("input", {
      type: "text",
      inputmode: "numeric",
      value: valueAt(plan, row.path).join(", "),
      placeholder: "none",
      autocomplete: "off",
    });
    const place = labelled(row.path, row.label, input, known.description);
    input.addEventListener("input", () => {
      const { values, fault } = readNumbers(input.value, known);
      setFault(place, fault);
      if (!fault) setAt(plan, row.path, values);
      changed();
    });
    return place;
  },
  text(row, plan, known, changed) {
    const input = el("input", {
      type: "text",
      value: valueAt(plan, row.path),
      autocomplete: "off",
      spellcheck: "false",
    });
    const place = labelled(row.path, row.label, input, known.description);
    input.addEventListener("input", () => {
      setFault(place, input.value.trim() ? "" : "must not be empty");
      setAt(plan, row.path, input.value.trim());
      changed();
    });
    return place;
  },
  json(row, plan, known, changed) {
    const text = JSON.stringify(valueAt(plan, row.path), null, 1);
    const input = el("textarea", { rows: 6, spellcheck: "false" }, text);
    const place = labelled(row.path, row.label, input, known.description);
    input.addEventListener("input", () => {
      try {
        setAt(plan, row.path, JSON.parse(input.value));
        setFault(place, "");
      } catch {
        setFault(place, "must be JSON");
      }
      changed();
    });
    return place;
  },
  choice(row, plan, known, changed) {
    const chosen = valueAt(plan, row.path);
    const options = known.enum.map((value) =>
      el("option", { value, selected: value === chosen }, row.names?.[value] ?? words(value)),
    );
    const input = el("select", {}, options);
    input.addEventListener("change", () => {
      setAt(plan, row.path, input.value);
      changed();
    });
    return labelled(row.path, row.label, input, known.description);
  },
  flag(row, plan, known, changed) {
    const input = el("input", { type: "checkbox", checked: valueAt(plan, row.path) });
    input.addEventListener("change", () => {
      setAt(plan, row.path, input.checked);
      changed();
    });
    const place = labelled(row.path, row.label, input, known.description);
    place.classList.add("flag");
    return place;
  },
};
