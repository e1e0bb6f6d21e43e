// The actions on a job: pause, resume, cancel and delete (after a question), edit, and download.

import { jobPath, post, remove } from "../parts/api.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { asJson, saveText, saveUrl } from "../parts/download.js";
import { plural } from "../parts/format.js";
import { editSearch } from "../tags/edit.js";

const OFFERED = {
  queued: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  failed: ["resume", "delete"],
  succeeded: ["delete"],
  cancelled: ["delete"],
};
const WORDS = { pause: "Pause", resume: "Resume", cancel: "Cancel", delete: "Delete" };

/** What is asked before an action that cannot be undone. */
const QUESTIONS = {
  cancel: {
    title: "Cancel this search?",
    text: "The results so far are kept. A cancelled search cannot be resumed; a paused one can.",
    yes: "Cancel the search",
  },
  delete: {
    title: "Delete this search?",
    text: "Its candidates, weights and exports are deleted for good.",
    yes: "Delete the search",
  },
};

/**
 * Draw the buttons that make sense in the job's state.
 * @param {Object} job
 * @param {{changed: (job: Object) => void, job: () => Object, png: () => Promise<string>}} page
 */
export function drawActions(job, page) {
  if (byId("actions").dataset.state === job.state) return;
  byId("actions").dataset.state = job.state;
  const buttons = (OFFERED[job.state] ?? []).map((action) => {
    const click = () => (action in QUESTIONS ? ask(action, page) : act(job, action, page));
    const kind = action in QUESTIONS ? "danger" : null;
    return el("button", { type: "button", class: kind, "data-action": action, on: { click } }, WORDS[action]);
  });
  const edit = () => editSearch(page.job(), page.changed);
  const editing = el("button", { type: "button", "data-action": "edit", on: { click: edit } }, "Edit");
  put(byId("actions"), buttons, editing, downloads(job, page));
}

async function act(job, action, page) {
  try {
    if (action === "delete") {
      await remove(jobPath(job.id));
      return location.assign("/");
    }
    const changed = await post(`${jobPath(job.id)}/${action}`);
    if (job.state === "failed") return location.reload(); // the stream of events has ended
    page.changed(changed);
    showError(null);
  } catch (problem) {
    showError(problem);
  }
  return undefined;
}

function ask(action, page) {
  const job = page.job();
  const dialog = byId("confirm");
  const answer = (yes) => {
    dialog.close();
    if (yes) act(job, action, page);
  };
  const lost = job.workers_busy ? `${plural(job.workers_busy, "candidate")} under way will be lost. ` : "";
  put(
    dialog,
    el("h2", { id: "confirm-title" }, QUESTIONS[action].title),
    el("p", {}, lost + QUESTIONS[action].text),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", on: { click: () => answer(false) } }, "Keep it"),
      el(
        "button",
        { type: "button", class: "danger", "data-action": "confirm", on: { click: () => answer(true) } },
        QUESTIONS[action].yes,
      ),
    ),
  );
  dialog.showModal();
}

function downloads(job, page) {
  const name = (ending) => `${(job.name || job.id).replace(/[^\w-]+/g, "-").slice(0, 60)}.${ending}`;
  const kinds = {
    "CSV, all candidates": () => saveUrl(name("csv"), `${jobPath(job.id)}/table?format=csv`),
    "Parquet, all candidates": () => saveUrl(name("parquet"), `${jobPath(job.id)}/table?format=parquet`),
    "JSON, the frontier": async () => saveText(name("json"), await asJson(page.job()), "application/json"),
    "PNG, the chart": async () => saveUrl(name("png"), await page.png()),
  };
  const items = Object.entries(kinds).map(([text, save]) => {
    const click = async (event) => {
      event.target.closest("details").open = false;
      await Promise.resolve(save()).catch(showError);
    };
    return el("button", { type: "button", class: "quiet", on: { click } }, text);
  });
  return el(
    "details",
    { class: "menu" },
    el("summary", { class: "button" }, "Download"),
    el("div", { class: "menu-items" }, items),
  );
}
