// The dialog for a new search: a preset first, then the changes to it.

import { freshKey, get, jobPage, post } from "../parts/api.js";
import { classChoice, objectiveChoice, presetChoice, taskChoice } from "./choices.js";
import { changes, declaration, IN_SHORT } from "./draft.js";
import { byId, el, put } from "../parts/dom.js";
import { field, FIELDS, labelled, setFault, taskFields } from "./fields.js";
import { genomesChoice } from "./genomes.js";
import { numberFault } from "./schema.js";
import { HINT, tagInput, tagsOf } from "../tags/tags.js";

const TITLES = {
  task: "Task",
  objectives: "Objectives",
  search: "Search",
  budget: "Budget",
  space: "Space",
  course: "Course",
  genomes: "First genomes",
};
const PRIORITY = { type: "integer", minimum: -3, maximum: 3 };

const draft = { presets: {}, tasks: [], schema: {}, catalogue: [], preset: "", plan: {}, key: "" };

/** Open the form, asking the server for its presets, its schema and its catalogue the first time. */
export async function openForm() {
  const dialog = byId("form");
  if (dialog.open) return;
  dialog.showModal();
  if (draft.preset) return;
  put(dialog, el("div", { class: "skeleton form-skeleton" }));
  try {
    const [{ presets, tasks, plan_schema: schema }, { classes }] = await Promise.all([
      get("/v1/presets"),
      get("/v1/catalogue"),
    ]);
    Object.assign(draft, { presets, tasks, schema, catalogue: classes });
    start(Object.keys(presets)[0]);
    put(dialog, form());
  } catch (problem) {
    put(dialog, el("p", { class: "failure", role: "alert" }, problem.message), closeButton("Close"));
  }
}

function start(preset) {
  Object.assign(draft, { preset, plan: structuredClone(draft.presets[preset]), key: freshKey() });
}

function form() {
  const choose = (preset) => {
    start(preset);
    put(byId("sections"), sections());
  };
  const name = el("input", {
    type: "text",
    maxlength: 200,
    placeholder: "What is this search for?",
    autocomplete: "off",
  });
  name.addEventListener("input", touched);
  return el(
    "form",
    { novalidate: true, on: { submit } },
    el("header", {}, el("h2", { id: "form-title" }, "New search"), closeButton("Close", "quiet")),
    el(
      "div",
      { class: "scroll-body" },
      labelled("name", "Name", name),
      presetChoice(draft.presets, draft.preset, choose),
      el("div", { id: "sections" }, sections()),
      priority(),
      tags(),
    ),
    el(
      "footer",
      {},
      el("p", { id: "form-fault", class: "fault", role: "alert" }),
      el("button", { class: "primary", type: "submit", id: "submit" }, "Start the search"),
    ),
  );
}

function sections() {
  return Object.keys(TITLES).map((name) => {
    const short = el("span", { "data-short": name }, IN_SHORT[name](draft.plan, draft.tasks));
    const body = el("div", { class: "fields", "data-section": name }, inputs(name));
    return el("details", {}, el("summary", {}, el("b", {}, TITLES[name]), short), body);
  });
}

function inputs(name) {
  const { plan, tasks, schema, catalogue } = draft;
  const task = declaration(plan, tasks);
  const choices = {
    task: () => taskChoice(plan, tasks, taskChanged),
    objectives: () => objectiveChoice(plan, task.metrics, schema.properties.objectives.maxItems, touched),
    space: () => classChoice(plan, catalogue, touched),
    genomes: () => genomesChoice(draft, touched),
  };
  const rows = name === "task" ? taskFields(task) : FIELDS[name];
  return [choices[name]?.(), rows.map((row) => field(row, plan, schema, touched))];
}

function priority() {
  const input = el("input", { type: "number", step: 1, value: 0, min: PRIORITY.minimum, max: PRIORITY.maximum });
  const hint = "Each step doubles the share of the runners' time that the search gets.";
  const place = labelled("priority", "Priority", input, hint);
  input.addEventListener("input", () => {
    setFault(place, numberFault(input.value, PRIORITY));
    touched();
  });
  return place;
}

function tags() {
  return labelled("tags", "Tags", tagInput({ on: { input: touched } }), HINT);
}

function taskChanged() {
  for (const name of ["task", "objectives"]) put(byId("form").querySelector(`[data-section="${name}"]`), inputs(name));
  byId("form").querySelector("input[name='task']:checked").focus();
  touched();
}

/** Take a new idempotency key, because a changed form is another request, and write the sections' summaries anew. */
function touched() {
  draft.key = freshKey();
  byId("form-fault").textContent = "";
  for (const place of byId("form").querySelectorAll("[data-short]")) {
    place.textContent = IN_SHORT[place.dataset.short](draft.plan, draft.tasks);
  }
}

async function submit(event) {
  event.preventDefault();
  const wrong = [...byId("form").querySelectorAll("[data-section] .fault, [data-path='priority'] .fault")].find((place) => place.textContent);
  if (wrong) return reveal(wrong.closest("[data-path]"));
  const button = byId("submit");
  button.disabled = true;
  const plan = changes(draft.plan, draft.presets[draft.preset]);
  const body = {
    preset: draft.preset,
    priority: Number(byId("field-priority").value),
    tags: tagsOf(byId("field-tags").value),
    plan,
  };
  const name = byId("field-name").value.trim();
  try {
    const job = await post("/v1/jobs", name ? { ...body, name } : body, { "Idempotency-Key": draft.key });
    location.assign(jobPage(job.id));
  } catch (problem) {
    showFaults(problem);
  } finally {
    button.disabled = false;
  }
  return undefined;
}

/** Show each error at its field, and errors that belong to no field beside the button. */
function showFaults(problem) {
  for (const place of byId("form").querySelectorAll(".fault")) place.textContent = "";
  const lost = problem.errors.filter((error) => !showFault(error));
  if (lost.length || !problem.errors.length) {
    byId("form-fault").textContent = lost.map((error) => error.detail).join("; ") || problem.message;
  }
}

function showFault({ pointer = "", detail }) {
  const names = pointer.split("/").filter((name) => name && name !== "plan");
  for (let length = names.length; length > 0; length -= 1) {
    const place = byId("form").querySelector(`[data-path="${CSS.escape(names.slice(0, length).join("."))}"]`);
    if (!place) continue;
    place.querySelector(".fault").textContent = detail;
    reveal(place);
    return true;
  }
  return false;
}

function reveal(place) {
  const details = place.closest("details");
  if (details) details.open = true;
  place.querySelector("input, select, textarea")?.focus();
}

function closeButton(text, kind = "") {
  return el("button", { type: "button", class: kind, on: { click: () => byId("form").close() } }, text);
}
