// The top of a search's page: its name, its state, and the numbers that change.

import { get } from "../parts/api.js";
import { byId, el, put } from "../parts/dom.js";
import { digits, duration, percent, scaled, whole } from "../parts/format.js";
import { progress, stateWord } from "../parts/state.js";
import { ago } from "../parts/time.js";
import { tagList } from "../tags/tags.js";

/** Draw the heading and the facts of a job. */
export function drawHead(job) {
  document.title = `${job.name || "Search"} · STAR`;
  const begun = el("span", {}, job.started_at ? "started " : "submitted ", ago(job.started_at ?? job.created_at));
  const waits = job.retry_at && new Date(job.retry_at) > new Date();
  const next = waits && el("span", {}, `next attempt at ${new Date(job.retry_at).toLocaleTimeString()}`);
  put(
    byId("heading"),
    el("h1", {}, job.name || job.id),
    el("p", { class: "under" }, stateWord(job), begun, job.why && el("span", { id: "why" }, job.why), next),
    el("p", { id: "unattended", class: "small", hidden: true }),
  );
  drawTags(job);
  const facts = [
    ["Done", progress(job)],
    ["Frontier", whole(job.frontier_size)],
    ["Hypervolume", job.done ? digits(job.hypervolume) : "–"],
    ["Training tokens", scaled(job.tokens)],
    ["Workers busy", whole(job.workers_busy)],
    ["Time left", duration(job.seconds_left ?? NaN)],
    ["Genes repaired", percent(job.repairs)],
    ...(job.lost ? [["Attempts lost", whole(job.lost)]] : []),
  ];
  put(byId("facts"), facts.map(fact));
  if (job.state === "queued") sayWhoIsMissing();
}

/** Draw the tags only when they changed, so that the link that has the focus keeps it. */
function drawTags(job) {
  const drawn = job.tags.join(" ");
  if (byId("tags").dataset.drawn === drawn) return;
  byId("tags").dataset.drawn = drawn;
  put(byId("tags"), tagList(job));
}

async function sayWhoIsMissing() {
  const found = await get("/v1/runners").catch(() => null);
  if (found === null || found.runners.length > 0) return;
  put(byId("unattended"), "No runner lives, so nothing begins. `star run` starts one.").hidden = false;
}

function fact([name, value]) {
  const parts = [el("span", { class: "fact-name" }, name), el("span", { class: "fact-value" }, value)];
  return el("div", { class: "fact" }, parts);
}
