// The actions on a job: pause, resume, cancel (after a question) and download.

import { jobPath, post } from "../parts/api.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { asCsv, asJson, saveText, saveUrl } from "../parts/download.js";
import { plural } from "../parts/format.js";

const OFFERED = {
  queued: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  failed: ["resume"],
};
const WORDS = { pause: "Pause", resume: "Resume", cancel: "Cancel" };

/**
 * Draw the buttons that make sense in the job's state.
 * @param {Object} job
 * @param {{changed: (job: Object) => void, job: () => Object, points: () => Object, png: () => Promise<string>}} page
 */
export function drawActions(job, page) {
  if (byId("actions").dataset.state === job.state) return;
  byId("actions").dataset.state = job.state;
  const buttons = (OFFERED[job.state] ?? []).map((action) => {
    const click = () => (action === "cancel" ? askToCancel(page) : act(job, action, page));
    return el(
      "button",
      { type: "button", class: action === "cancel" ? "danger" : null, "data-action": action, on: { click } },
      WORDS[action],
    );
  });
  put(byId("actions"), buttons, downloads(job, page));
}

async function act(job, action, page) {
  try {
    const changed = await post(`${jobPath(job.id)}/${action}`);
    if (job.state === "failed") return location.reload(); // the stream of events has ended
    page.changed(changed);
    showError(null);
  } catch (problem) {
    showError(problem);
  }
  return undefined;
}

function askToCancel(page) {
  const job = page.job();
  const dialog = byId("confirm");
  const answer = (yes) => {
    dialog.close();
    if (yes) act(job, "cancel", page);
  };
  const lost = job.workers_busy ? `${plural(job.workers_busy, "candidate")} under way will be lost. ` : "";
  put(
    dialog,
    el("h2", { id: "confirm-title" }, "Cancel this search?"),
    el("p", {}, `${lost}The results so far are kept. A cancelled search cannot be resumed; a paused one can.`),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", on: { click: () => answer(false) } }, "Keep it"),
      el(
        "button",
        { type: "button", class: "danger", "data-action": "confirm", on: { click: () => answer(true) } },
        "Cancel the search",
      ),
    ),
  );
  dialog.showModal();
}

function downloads(job, page) {
  const name = (ending) => `${(job.name || job.id).replace(/[^\w-]+/g, "-").slice(0, 60)}.${ending}`;
  const kinds = {
    "CSV, all candidates": () => saveText(name("csv"), asCsv(page.points()), "text/csv"),
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
